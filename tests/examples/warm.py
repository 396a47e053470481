"""A Python that has imported what a script takes seconds to import, and runs each script in a fork of itself.

It reads one request a line, ``{"script", "args", "folder", "strict", "out", "err"}``, and answers with the exit code.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import matplotlib.pyplot  # noqa: F401
import sklearn.ensemble  # noqa: F401
import torch._dynamo  # noqa: F401

import isotropy.discovery
import isotropy.frames
import isotropy.measure
import isotropy.report
import isotropy.testing
import isotropy.train  # noqa: F401


def answer(request: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.chdir(request["folder"])
        sys.argv = [request["script"], *request["args"]]
        sys.path[0] = str(Path(request["script"]).parent)
        if request["strict"]:
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DeprecationWarning)
        runpy.run_path(request["script"], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        # What a script prints goes to its own file: this is the parent's standard output.
        print(answer(json.loads(line)), flush=True)
