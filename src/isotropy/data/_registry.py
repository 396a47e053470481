"""One door for all data: by name (what it is, where from, under which licence, whether intact), or from a file."""

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from isotropy.data._controls import DIABETES, LINNERUD, Diabetes, Linnerud
from isotropy.data._dataset import Dataset, Recipe
from isotropy.data._domains import OFFICE_FEATURES, OFFICE_PICTURES
from isotropy.data._files import KINDS, SUFFIXES, load_file
from isotropy.data._graph_lists import is_graph_file
from isotropy.data._graphs import EXP, GRAPH8C, SR25
from isotropy.data._handwriting import MNIST
from isotropy.data._mirror import File, checksum, find
from isotropy.data._molecule_sets import MOLECULES
from isotropy.data._motion import CMU
from isotropy.data._planets import Planets
from isotropy.data._real import DIGITS, PHOTOGRAPHS, TRACKS, Digits, EthUcy, EthUcyMotion, Photos
from isotropy.data._shapes import CAD, CHARGED, MESHES, THINGS, TSPLIB
from isotropy.data._supernovae import SUPERNOVAE
from isotropy.data._tu import TU, is_tu_folder, read_tu
from isotropy.data.synthetic import MOTIONS, PROBLEMS
from isotropy.data.zoo import LAWS, Law
from isotropy.errors import SchemaError, nearest
from isotropy.fields import from_text
from isotropy.reps import Schema

Kind = Literal["computed", "embedded", "mirrored"]


@dataclass(frozen=True)
class Entry:
    """One line of the list; ``kind`` says whether the data are computed, shipped with a dependency, or mirrored.

    ``settings`` are what ``load`` takes, with their defaults; ``make`` turns settings into the data.

    >>> entry = find_entry("inertia")
    >>> entry.kind, entry.available, entry.settings["nu"]
    ('computed', True, 0.3)
    """

    name: str
    title: str
    story: str
    kind: Kind
    source: str
    licence: str
    make: Callable[[Mapping[str, object]], Dataset] = field(repr=False, compare=False)
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    files: tuple[File, ...] = ()

    @property
    def available(self) -> bool:
        """Whether all its files are there; their contents are not looked at."""
        return all(find(file) is not None for file in self.files)


@dataclass(frozen=True)
class Verification:
    """What ``verify`` found: whether all is well, and one line for each file."""

    name: str
    ok: bool
    details: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {'ok' if self.ok else 'NOT ok'}; " + "; ".join(self.details)


def _entry(recipe: type[Recipe], kind: Kind, *files: File) -> Entry:
    def make(settings: Mapping[str, object]) -> Dataset:
        return from_text(recipe, settings, of=recipe.name).dataset()

    defaults: dict[str, object] = {item.name: item.default for item in dataclasses.fields(recipe)}
    return Entry(recipe.name, recipe.title, recipe.story, kind, recipe.source, recipe.licence, make, defaults, files)


@dataclass(frozen=True)
class _Drawn:
    """How many rows of a law, with noise of which share of the spread of each part of the target."""

    n: int = 300
    noise: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class _Folds:
    """How the folds of a folder in the format of TUDataset are drawn."""

    seed: int = 0


def _law(law: Law) -> Entry:
    name, defaults = f"zoo/{law.name}", dataclasses.asdict(_Drawn())

    def make(settings: Mapping[str, object]) -> Dataset:
        return law.dataset(**dataclasses.asdict(from_text(_Drawn, settings, of=name)))

    return Entry(name, law.title, law.physics, "computed", law.source, law.licence, make, defaults)


def _read(name: str, title: str, reader: str, licence: str, file: File | str, *more: File, room: str = "data") -> Entry:
    """What is no table, and is read by a function of its own: from a ``file``, or computed from a source."""

    def make(settings: Mapping[str, object]) -> Dataset:
        raise SchemaError(f"{name}, which is not a table", "a table", f"isotropy.{room}.{reader} reads it")

    if isinstance(file, str):
        return Entry(name, title, f"Made by isotropy.data.{reader}.", "computed", file, licence, make, {})
    story = f"Read by isotropy.{room}.{reader}."
    return Entry(name, title, story, "mirrored", file.origin, licence, make, {}, (file, *more))


_TABLES = (
    *(_entry(problem, "computed") for problem in (*PROBLEMS.values(), *MOTIONS.values())),
    _entry(Photos, "embedded", *PHOTOGRAPHS),
    _entry(Digits, "embedded", DIGITS),
    _entry(EthUcy, "mirrored", TRACKS),
    _entry(EthUcyMotion, "mirrored", TRACKS),
    _entry(Planets, "computed"),
    _entry(Diabetes, "embedded", *DIABETES),
    _entry(Linnerud, "embedded", *LINNERUD),
    *map(_law, LAWS.values()),
)
_UNSAID = "no licence file; see its source"
_ENTRIES = (
    *_TABLES,
    _read("charged", "Charged particles, a thousand steps apart", "load_particles()", "as this package", CHARGED),
    _read("exp", "Pairs of graphs that 1-WL does not part", "load_exp()", _UNSAID, EXP),
    _read("graph8c", "All connected graphs with 8 vertices", "load_graph8c()", "public list", GRAPH8C),
    _read("sr25", "Strongly regular graphs (25, 12, 5, 6)", "load_sr25()", "public list", SR25),
    _read("tu", "Seven sets of graphs with classes (TUDataset)", 'load_tu("MUTAG")', "free for research", TU),
    _read("cad", "Surfaces of mechanical parts", "load_surfaces()", "MIT; some models have their authors' terms", CAD),
    _read("shapes", "Forty classes of small meshes", "load_shapes(...)", _UNSAID, MESHES),
    _read(
        "meshes",
        "Eleven classic models and 399 random objects, to be drawn",
        "load_meshes()",
        "zlib (399 objects); of the models some have no licence",
        THINGS,
        room="data.render",
    ),
    _read("tsplib", "Real tours with proven optima (EUC_2D)", "load_tours(...)", "free for research", TSPLIB),
    _read("mnist-10k", "Ten thousand handwritten digits", "load_handwriting()", "CC BY-SA 3.0", MNIST),
    _read(
        "office-caltech",
        "Ten kinds of thing in four domains, features and pictures",
        "load_office_caltech()",
        "free for research; no licence file",
        OFFICE_FEATURES,
        OFFICE_PICTURES,
    ),
    _read("acac", "Acetylacetone, energies and forces", 'load_molecules("acac")', "MIT", MOLECULES),
    _read("cmu-131", "A walk and a hop, recorded, as capsules", "load_motion()", "free for research", CMU),
    _read(
        "capsule-people",
        "People of capsules in poses, by parts",
        "load_people()",
        "MIT",
        "gymnasium's humanoid.xml, posed by MuJoCo",
    ),
    _read("rooms", "Rooms with furniture that moves", "load_rooms()", "as this package", "boxes and cylinders"),
    *(
        _read(name, sample.title, f'supernovae.load_sample("{name}")', sample.licence, *sample.files, room="physics")
        for name, sample in SUPERNOVAE.items()
    ),
    _read("3bpa", "3-(benzyloxy)pyridin-2-amine, the same", 'load_molecules("3bpa")', "MIT", MOLECULES),
)


def list_datasets(*, every: bool = False) -> tuple[Entry, ...]:
    """All tables that ``load`` knows by name; with ``every`` also what functions of their own read.

    >>> {"inertia", "photos", "digits", "eth-ucy"} <= {entry.name for entry in list_datasets()}
    True
    """
    return _ENTRIES if every else _TABLES


def find_entry(name: str) -> Entry:
    """The entry of that name; raises ``SchemaError`` with the known names for any other.

    >>> find_entry("fotos") # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given the data set 'fotos'; expected ...; write photos, or the path of a file...
    """
    known = {entry.name: entry for entry in _ENTRIES}
    if name in known:
        return known[name]
    near = nearest(name, known)
    shown = [one for one in known if not one.startswith("zoo/")]
    raise SchemaError(
        f"the data set {name!r}",
        f"{KINDS} or one of " + ", ".join([*shown, "zoo/LAW"]),
        f"{near}, or the path of a file that exists" if near else "isotropy datasets list shows what there is",
    )


def load(
    name_or_path: str | Path, *, schema: str | Path | Schema | Mapping[str, object] | None = None, **settings: object
) -> Any:
    """The data set of that name, made with the given settings, or the rows of a file, typed by its schema: a Dataset.

    Of a folder in the text format of TUDataset the `Graphs` (``read_tu``).

    Settings may be numbers or text ("nu=0.3" on a command line). Raises ``SchemaError`` for an unknown name, an
    unknown setting (listing the known ones) or a schema that does not fit, and the errors of ``load_file``.

    >>> load("inertia", nu="0.3", n=1000, noise=0.0, seed=0).truth["O(2)@z"]
    0.0
    """
    name = str(name_or_path)
    if name in {entry.name for entry in list_datasets(every=True)}:
        if Path(name).exists():
            told = f"{name} is the built-in data set of this name; ./{name} is what lies here under it"
            warnings.warn(told, stacklevel=2)
        if schema is not None:
            raise SchemaError(f"a schema for {name}", "none: this data set knows its types", "leave the schema out")
        return find_entry(name).make(settings)
    path = Path(name)
    if is_tu_folder(path):
        return read_tu(path, seed=from_text(_Folds, settings, of=f"the folder {path.name}").seed)
    if path.is_dir():
        hint = "isotropy audit MODEL FOLDER takes pictures; in Python isotropy.data.read_pictures reads them"
        raise SchemaError(f"the folder {path}", f"a table: {KINDS}", hint)
    if not name.lower().endswith(SUFFIXES) and not path.exists():
        find_entry(name)  # raises, listing what there is
    if path.exists() and is_graph_file(path):
        hint = "isotropy audit MODEL FILE takes them; in Python isotropy.data.read_graphs reads them"
        raise SchemaError(f"{path.name}, a list of graphs", f"a table: {KINDS}", hint)
    if settings:
        raise SchemaError(
            f"settings {', '.join(sorted(settings))} for the file {path.name}",
            "a schema only",
            "write schema=types" if "types" in settings else "settings belong to built-in data sets",
        )
    return load_file(path, schema)


def verify(name: str) -> Verification:
    """Whether the files of a data set are there and are the known ones, byte for byte.

    Raises ``SchemaError`` for an unknown name.

    >>> verify("inertia").details
    ('computed from its formula: no files',)
    """
    entry = find_entry(name)
    if not entry.files:
        return Verification(name, True, ("computed from its formula: no files",))
    found = [_verified(file) for file in entry.files]
    return Verification(name, all(ok for ok, _ in found), tuple(detail for _, detail in found))


def _verified(file: File) -> tuple[bool, str]:
    path, name = find(file), Path(file.path).name
    if path is None:
        return False, f"{name}: not found; get it from {file.origin} and set ISOTROPY_DATA to its folder"
    try:
        same = checksum(path) == file.sha256
    except OSError as error:
        return False, f"{name}: cannot be read ({error.strerror})"
    return same, f"{name}: {'intact' if same else 'not the known file (SHA-256 differs)'} ({path})"
