"""Prints docs/dev/licences.md: the licences of all packages that the core and each extra bring, from their metadata.

python docs/licences.py [--path SITE_PACKAGES ...] > docs/dev/licences.md

Packages are those of the environment that runs it; ``--path`` names further folders, for extras with pins of their own.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions

from packaging.requirements import Requirement

CORE = ""
# Where the metadata are silent or vague: what the LICENSE file of the package says.
READ = {
    "dynesty": "MIT",
    "matplotlib": "matplotlib (PSF-like)",
    "checkpoint-schedules": "LGPL-3.0",
    "matscipy": "LGPL-2.1-or-later",
}
_SHORT = {
    "Apache Software License": "Apache-2.0", "Apache License": "Apache-2.0", "Apache 2.0": "Apache-2.0",
    "MIT License": "MIT", "The MIT License (MIT)": "MIT", "BSD License": "BSD", "3-Clause BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC", "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
}  # fmt: skip


def canonical(name: str) -> str:
    """The name by which an index knows a package.

    >>> canonical("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(package: Distribution) -> str:
    """What a package says of its licence: the SPDX expression, else its classifiers, else the first line of a text."""
    known, meta = READ.get(canonical(package.name)), package.metadata
    named = [c.rsplit(" :: ", 1)[1] for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    texts = [meta.get("License-Expression"), ", ".join(_SHORT.get(n, n) for n in named), meta.get("License")]
    said = known or next((text for text in texts if text), "not told")
    return _SHORT.get(said.strip(), said.strip().splitlines()[0])


def strict(text: str) -> bool:
    """Whether a licence asks of whoever passes on a program built with the package to do so under certain terms."""
    return re.search(r"\bA?L?GPL|GENERAL PUBLIC", text) is not None


def closure(name: str, extra: str, found: dict[str, Distribution]) -> set[str]:
    """All packages that ``name[extra]`` needs here, by canonical names, those that are not installed too."""
    seen: set[tuple[str, str]] = set()
    todo = [(canonical(name), extra)]
    while todo:
        one, wanted = todo.pop()
        if (one, wanted) in seen:
            continue
        seen.add((one, wanted))
        for line in (found[one].requires or []) if one in found else []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": wanted}):
                todo += [(canonical(need.name), e) for e in (CORE, *need.extras)]
    return {package for package, _ in seen} - {canonical(name)}


def installed(paths: Iterable[str] = ()) -> dict[str, Distribution]:
    """The packages of this environment, then those of further folders, by canonical names."""
    found: dict[str, Distribution] = {}
    for package in (*distributions(), *distributions(path=list(paths))):
        found.setdefault(canonical(package.name), package)
    return found


def rows(names: Iterable[str], found: dict[str, Distribution]) -> list[str]:
    """Lines of a table: package, version, licence; a strict licence in bold."""
    lines: list[str] = []
    for name in sorted(names):
        if name not in found:
            lines.append(f"| {name} | | not installed where this was printed |")
            continue
        said = licence(found[name])
        lines.append(f"| {name} | {found[name].version} | {f'**{said}**' if strict(said) else said} |")
    return lines


def main() -> None:
    """Prints the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", action="append", default=[])
    found = installed(parser.parse_args().path)
    extras = [e for e in found["isotropy"].metadata.get_all("Provides-Extra") or [] if e != "all"]
    core = closure("isotropy", CORE, found)
    print(HEAD)
    head = "| package | version | licence |\n|---|---|---|"
    print("\n".join([f"## The core ({len(core)} packages)", "", head, *rows(core, found)]))
    for extra in extras:
        more = closure("isotropy", extra, found) - core
        print("\n".join(["", f"## [{extra}]", "", head, *rows(more, found)]))


HEAD = """# Licences of what is installed

Isotropy is under Apache-2.0. What pip brings along has licences of its own. In the core none asks more of a user than
to keep its notice (MPL-2.0 of certifi is about its own files alone). These extras hold packages, in bold below, whose
licence binds whoever *passes on* a program together with them; nobody gets them who does not ask for the extra:

- `[graph]`: pynauty (GPL-3.0-or-later), a faster order of nodes; without it our own is taken.
- `[molecules]` and `[peers]`: ase (LGPL-2.1-or-later); `[peers]` also matscipy (LGPL) and python-hostlist (GPL).
- `[cmb]`: camb (LGPL-3.0, and whoever publishes with it is asked to put the paper on arXiv).
- `[dev]`: checkpoint_schedules (LGPL-3.0), for tests.

Printed from the metadata of installed packages by `python docs/licences.py`; a test looks after the core
(`tests/test_licences.py`). Licences of the data are said by `isotropy datasets list` and beside each file.
"""

if __name__ == "__main__":
    main()
