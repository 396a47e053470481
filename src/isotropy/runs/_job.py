"""A job is pure data: which function, with what, from which seed; its outcome is one file."""

import ast
import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from isotropy import __version__
from isotropy.errors import DomainError, SchemaError
from isotropy.runs._run import Run, json_text

_ARRAY = "__array__"


@dataclass(frozen=True)
class Job:
    """A call ``function(run, seed=seed, **arguments)`` written down: ``function`` is ``"module:name"``.

    ``arguments`` are what JSON holds; large arrays stay in files of the run directory, and arguments name them.
    Equal jobs have equal keys, in every process and on every machine; another version of the package has other keys.
    Raises ``SchemaError`` for a name that is not ``module:name`` and ``DomainError`` for arguments that JSON refuses.

    >>> Job("isotropy.runs:echo", {"fold": 1}, seed=0).key == Job("isotropy.runs:echo", {"fold": 1}).key
    True
    """

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seed: int = 0

    def __post_init__(self) -> None:
        module, colon, name = self.function.partition(":")
        if not (colon and name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
            raise SchemaError(
                f"the function {self.function!r}", "module:name", "name a function at the top of a module"
            )
        # The round trip detaches the job from its caller's objects, and a worker sees exactly what the key says.
        arguments = json.loads(json_text(dict(self.arguments), f"the arguments of {self.function}"))
        object.__setattr__(self, "arguments", arguments)
        object.__setattr__(self, "seed", int(self.seed))

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        arguments = "".join(f", {key}={value!r}" for key, value in self.arguments.items())
        return f"{self.function}(seed={self.seed}{arguments})"

    @property
    def key(self) -> str:
        """32 hexadecimal digits of the function, the arguments, the seed and the version of the package."""
        content = json_text([self.function, self.arguments, self.seed, __version__], self.function)
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    @property
    def file(self) -> str:
        """The name of the outcome in the run directory."""
        return f"jobs/{self.key}.npz"

    def call(self, run: Run) -> Any:
        """Imports the function and calls it; raises ``SchemaError`` where there is none of that name."""
        module, _, name = self.function.partition(":")
        try:
            function = getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError) as error:
            raise SchemaError(f"the job {self}: {error}", "a function that can be imported as module:name") from error
        return function(run, seed=self.seed, **self.arguments)


def store(run: Run, job: Job, outcome: Any) -> None:
    """Writes an outcome (JSON with numpy arrays at its leaves) as one file."""
    arrays: dict[str, NDArray[Any]] = {}
    text = json.dumps({"job": str(job), "outcome": _take_arrays(outcome, arrays, str(job))}, sort_keys=True)
    run.write(job.file, {"json": np.frombuffer(text.encode(), dtype=np.uint8), **arrays})


def outcome_of(run: Run, job: Job) -> Any:
    """The stored outcome of a finished job: lists for tuples, arrays bit for bit."""
    return _stored(run, job.file)["outcome"]


def finished(run: Run) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """The jobs that a run holds, in no order: the name of the function, its arguments, and the outcome.

    >>> import tempfile
    >>> with Run(tempfile.mkdtemp()) as run:
    ...     store(run, Job("isotropy.runs:echo", {"fold": 1}), {"fold": 1})
    ...     list(finished(run))
    [('isotropy.runs:echo', {'seed': 0, 'fold': 1}, {'fold': 1})]
    """
    for path in sorted((run.path / "jobs").glob("*.npz")):
        kept = _stored(run, f"jobs/{path.name}")
        module, _, call = str(kept["job"]).partition(":")
        node = ast.parse(call, mode="eval").body
        if isinstance(node, ast.Call):
            name, values = ast.unparse(node.func), {str(word.arg): word.value for word in node.keywords}
            yield f"{module}:{name}", {key: ast.literal_eval(value) for key, value in values.items()}, kept["outcome"]


def _stored(run: Run, file: str) -> dict[str, Any]:
    arrays = run.read(file)
    text = arrays.pop("json").tobytes()
    return json.loads(text, object_hook=lambda item: arrays[item[_ARRAY]] if _ARRAY in item else item)


def _take_arrays(value: Any, arrays: dict[str, NDArray[Any]], where: str) -> Any:
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = cast(NDArray[Any], value)
        return {_ARRAY: name}
    if isinstance(value, list | tuple):
        return [_take_arrays(item, arrays, f"{where}[{i}]") for i, item in enumerate(cast(list[Any], value))]
    if isinstance(value, dict):
        items = cast(dict[Any, Any], value)
        if _ARRAY in items or not all(isinstance(key, str) for key in items):
            raise DomainError(f"{where} with keys {list(items)}", f"text keys other than {_ARRAY!r}")
        return {key: _take_arrays(item, arrays, f"{where}.{key}") for key, item in items.items()}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise DomainError(
        f"{where}: {type(value).__name__}",
        "JSON with numpy arrays at its leaves",
        "tensor.numpy(), float(x), dataclasses.asdict(x)",
    )
