"""The house stands: a room imports only from the floors below it (docs/architecture.md), read from the source."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "src" / "isotropy"
DOORSTEP = {"errors", "random", "estimate", "storage", "fields", "settings", "modes"}
BELOW_DISCOVERY = {
    *(
        "linalg",
        "groups",
        "reps",
        "optics",
        "measure",
        "frames",
        "nn",
        "soft",
        "runs",
        "train",
        "data",
        "report",
    )
}
BELOW_STUDY = BELOW_DISCOVERY | {"study", "dynamics"}
QUESTIONS = {"discovery", "comparison", "represent", "federation", "control", "physics"}
FLOORS: dict[str, set[str]] = {
    "errors": set(),
    "random": set(),
    "estimate": set(),
    "storage": set(),
    "fields": set(),
    "settings": set(),
    "modes": set(),
    "linalg": set(),
    "groups": {"linalg"},
    "reps": {"groups", "linalg"},
    "optics": {"reps", "groups", "linalg", "report"},
    "measure": {"optics", "reps", "groups", "linalg"},
    "frames": {"measure", "optics", "reps", "groups", "linalg"},
    "nn": {"frames", "data", "reps", "groups", "linalg"},
    "soft": {"nn", "measure", "optics", "reps", "groups", "linalg", "runs"},
    "runs": set(),
    "train": {"soft", "data", "runs", "optics"},
    "data": {"reps", "groups", "linalg"},
    "report": {"runs"},
    "dynamics": {"measure", "optics", "reps", "groups", "linalg", "train", "data"},
    "testing": {"measure", "reps", "groups", "linalg"},
    "study": BELOW_DISCOVERY,
    # Side by side: no question imports another.
    **dict.fromkeys(QUESTIONS, BELOW_STUDY),
    # A force field is audited as any calculator is.
    "forcefield": BELOW_STUDY | {"discovery"},
    "experiments": BELOW_STUDY | QUESTIONS | {"testing"},
    "cli": BELOW_STUDY | QUESTIONS | {"testing", "experiments", "forcefield", "__init__"},
    "__main__": {"cli"},
    # The roof imports lazily whatever it publishes.
    "__init__": {"discovery", "comparison", "frames", "study"},
}


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def rooms_imported(path: Path) -> set[str]:
    """The rooms of this house that a file imports, at its top or inside a function."""
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports from the roof, not relative ones"
            if node.module == "isotropy":
                names = [f"isotropy.{alias.name}" for alias in node.names]
            else:
                names = [node.module or ""]
        for name in names:
            parts = name.split(".")
            if parts[0] == "isotropy":
                rooms.add(parts[1] if len(parts) > 1 and (HOUSE / parts[1]).with_suffix("").exists() else "")
                if len(parts) > 1 and (HOUSE / f"{parts[1]}.py").exists():
                    rooms.add(parts[1])
    return rooms - {""}


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_file_imports_only_from_the_floors_below(path: Path) -> None:
    room = room_of(path)
    assert room in FLOORS, f"a new room {room!r}: say in docs/architecture.md where it stands, then here"
    above = rooms_imported(path) - FLOORS[room] - DOORSTEP - {room}
    assert not above, f"{room} must not import {sorted(above)}"


def private(module: str) -> bool:
    """Whether some part of a module's name is that of a private file or folder."""
    return any(part.startswith("_") and part != "__init__" for part in module.split("."))


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_file_imports_no_private_file_of_another_room(path: Path) -> None:
    reached: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            reached += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            reached += [alias.name for alias in node.names]
    inside = f"isotropy.{room_of(path)}."
    behind = [name for name in reached if name.startswith("isotropy.") and not name.startswith(inside)]
    behind = [name for name in behind if private(name) and name != "isotropy.__version__"]
    assert not behind, f"import from the room's face or its parts, not {behind}"


# Lawful: a closed algebra names its results (G @ axis is a Placed group), and a Rep knows its own action and text.
CIRCLES = {"groups", "reps"}


def files_imported(path: Path) -> set[Path]:
    """The files of this house that a file imports, at its top or inside a function."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            inside = [files for alias in node.names if (files := files_of(f"{node.module}.{alias.name}"))]
            found.update(*(inside or [files_of(node.module or "")]))
        elif isinstance(node, ast.Import):
            found.update(*(files_of(alias.name) for alias in node.names))
    return found


def files_of(module: str) -> set[Path]:
    at = HOUSE.parent.joinpath(*module.split("."))
    return {file for file in (at.with_suffix(".py"), at / "__init__.py") if file.is_file()}


def circles(edges: dict[Path, set[Path]]) -> list[set[Path]]:
    """Groups of files of which each leads to each (Tarjan's strongly connected components)."""
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    found: list[set[Path]] = []

    def visit(file: Path) -> None:
        index[file] = low[file] = len(index)
        stack.append(file)
        for other in edges.get(file, set()):
            if other not in index:
                visit(other)
            if other in stack:
                low[file] = min(low[file], low[other])
        if low[file] == index[file]:
            circle = set(stack[stack.index(file) :])
            del stack[stack.index(file) :]
            if len(circle) > 1:
                found.append(circle)

    for file in edges:
        if file not in index:
            visit(file)
    return found


def test_files_import_each_other_in_circles_only_where_an_algebra_is_closed() -> None:
    # The roof is read for its version only; what it publishes it imports when asked.
    files = set(HOUSE.rglob("*.py")) - {HOUSE / "__init__.py"}
    found = circles({path: files_imported(path) & files for path in files})
    assert all(len({room_of(file) for file in circle}) == 1 for circle in found), "a circle across rooms"
    rooms = [room_of(next(iter(circle))) for circle in found]
    for circle in found:
        print(sorted(str(f.relative_to(HOUSE)) for f in circle))
    assert set(rooms) <= CIRCLES
    assert len(rooms) == len(set(rooms)), "two circles in one room"


# What the library fills and users read; and ``Step``, which ``fit`` builds.
RECORDS = {
    *("Audit", "Comparison", "Contender", "Continuous", "Discovery", "GroupAudit", "GroupFinding", "MethodFinding"),
    *("Breaking", "BreakingTerms", "Gram", "Portrait", "Pose", "RuleView", "StepInfo", "Step", "Entry"),
    *("Answer", "Answering", "CalculatorAudit", "Check", "Problem", "Quoted", "Score", "Drift", "Law", "Conserved"),
}


def public_classes() -> set[type]:
    """The classes of all faces, but for records and errors."""
    faces = [importlib.import_module(f"isotropy.{path.parent.name}") for path in HOUSE.glob("*/__init__.py")]
    public = [getattr(face, name) for face in faces for name in getattr(face, "__all__", vars(face))]
    classes = {one for one in public if inspect.isclass(one) and one.__module__.startswith("isotropy.")}
    return {one for one in classes if one.__name__ not in RECORDS and not issubclass(one, BaseException)}


def test_a_public_constructor_with_more_than_five_parameters_lists_them() -> None:
    silent: dict[str, set[str]] = {}
    for public in public_classes():
        given = [one for one in inspect.signature(public).parameters.values() if one.kind is not one.VAR_KEYWORD]
        docs = "\n".join(inspect.getdoc(one) or "" for one in public.__mro__ if one.__module__.startswith("isotropy."))
        code = " ".join(re.findall(r"``(.+?)``", docs, flags=re.DOTALL))
        listed = {*re.findall(r"\w+", code), *re.findall(r"^(\w+):", docs, flags=re.MULTILINE)}
        if len(given) > 5 and (missing := {one.name for one in given} - listed):
            silent[public.__name__] = missing
    assert not silent


def test_the_api_page_names_what_is_there() -> None:
    page = (HOUSE.parents[1] / "docs" / "api.md").read_text()
    for name in re.findall(r"^::: (isotropy[\w.]+)", page, flags=re.MULTILINE):
        room, _, public = name.rpartition(".")
        if room != "isotropy":
            assert hasattr(importlib.import_module(room), public) or importlib.import_module(name), name
