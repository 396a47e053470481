"""``isotropy discover`` and ``isotropy compare``: what holds in my data, and which way to use it wins?"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from isotropy.cli import _options as ask
from isotropy.cli._app import app
from isotropy.cli._options import point, show, show_claims
from isotropy.errors import SchemaError

_TOLERANCE = 0.01


@app.command(
    short_help="Which symmetries hold in my data, and how far?",
    epilog=ask.examples(
        "isotropy discover inertia --set nu=0.3 --quick --out runs/a",
        'isotropy discover data.csv --schema data.schema.yaml --groups "O(3),O(2)@z" --out runs/b',
        'isotropy discover pictures/ --groups "SO(2),Scale" --transforms brightness --set size=32 --out runs/c',
        'isotropy discover MUTAG --groups "S(n),S(n) within label" --quick',
    ),
)
def discover(
    data: ask.Data,
    schema: ask.SchemaFile = None,
    groups: Annotated[
        list[str],
        typer.Option(
            "--groups",
            "--group",
            help='Candidates, e.g. "O(3),O(2)@z"; may be repeated. Built-in data have their own; for other data they '
            "are proposed.",
        ),
    ] = [],  # noqa: B006
    transforms: Annotated[
        str | None,
        typer.Option("--transforms", help='Of pictures: operations beside groups, e.g. "brightness,contrast".'),
    ] = None,
    setting: ask.Settings = [],  # noqa: B006  typer copies its defaults
    seed: ask.Seed = 0,
    out: ask.Out = None,
    resume: ask.Resume = False,
    engine: Annotated[
        ask.Engine | None,
        typer.Option("--engine", help="Where jobs run; by default on all cores, a quick look in this process."),
    ] = None,
    workers: ask.Workers = None,
    address: ask.Address = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look, in seconds: one learner, no calibration.")
    ] = False,
    tol: Annotated[
        float, typer.Option("--tol", min=0.0, max=1.0, help="Breaking below this share of the signal is negligible.")
    ] = _TOLERANCE,
    noise: Annotated[
        str | None,
        typer.Option(
            "--noise",
            help='Standard deviation of the noise in the unit of the targets: "0.02", or by part, '
            '"force=0.02,energy=1e-3".',
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="COLUMN", help="The column (in .npz, the array) that orders the rows."),
    ] = None,
    robust: Annotated[bool, typer.Option("--robust", help="Rows that lie far off pull no more than others.")] = False,
    parts: Annotated[
        bool,
        typer.Option("--parts", help="DATA are poses (V, N, 3) of one body, in an .npz: which points move together?"),
    ] = False,
    title: ask.Title = None,
) -> None:
    """Which candidate symmetries hold in my data, how far does each one hold, and what should I do about it?

    A quick look takes seconds to a minute, a full one minutes; it is said beforehand. Of labelled pictures (a folder
    with one sub-folder for each class, digits, mnist-10k) the answer has three columns: what the data say, what the
    task tolerates, what insisting costs. Of graphs with classes (MUTAG and its like, a folder of TUDataset) the
    question is whether the order of nodes counts.
    """
    of_tables = {"--schema": schema, "--time": time, "--robust": robust}
    if parts:
        ask.check_run(out, resume)
        others = {**of_tables, "--groups": groups, "--transforms": transforms, "--tol": tol != _TOLERANCE}
        others |= {"--engine": engine, "--workers": workers, "--address": address}
        ask.refuse(others, "with --parts", "--set, --noise, --title and --out beside it")
        return _find_parts(data, ask.settings_of(setting), noise, out, resume, title, quick, seed)
    of_tables["--noise"] = noise
    asked: dict[str, Any] = {"seed": seed, "quick": quick, "tolerance": tol}
    run: dict[str, Any] = {"out": out, "resume": resume, "workers": workers, "address": address}
    if is_graphs(data):
        others = {**of_tables, "--transforms": transforms, "--set": setting}
        ask.refuse(others, "with graphs", "--groups, --seed, --tol, --quick and --out")
        _of_graphs(data, title, groups=_named(groups), **asked, **run, engine=engine or ask.Engine.serial)
        return
    if is_pictures(data):
        ask.refuse(of_tables, "with pictures", "--groups, --transforms, --set, --tol, --quick and --out")
        _of_pictures(
            "discover", data, ask.settings_of(setting), title, groups=_named(groups), transforms=transforms, **asked,
            **run, engine=engine or ask.Engine.process,
        )  # fmt: skip
        return
    if transforms is not None:
        raise SchemaError(f"--transforms with {data}", "a folder of pictures, digits or mnist-10k")
    # Processes take longer to start than a quick look has to do.
    engine = engine or (ask.Engine.serial if quick else ask.Engine.process)
    _answer(
        "discover", data, schema, setting, title, groups=_named(groups), noise=noise, time=time, robust=robust, **asked,
        **run, engine=engine,
    )  # fmt: skip


def is_graphs(data: str) -> bool:
    """Whether DATA are graphs with classes: a folder of TUDataset, or a set of them that is known by name."""
    from isotropy.data import TU_NAMES

    return data.upper() in TU_NAMES or _is_tu_folder(data)


def _is_tu_folder(data: str) -> bool:
    return Path(data).is_dir() and any(Path(data).glob("*_A.txt"))


def _of_graphs(data: str, title: str | None, **asked: Any) -> None:
    asked = _run_of(**asked)
    from isotropy.data import load_tu, read_tu
    from isotropy.discovery import discover_graphs

    graphs = read_tu(data) if _is_tu_folder(data) else load_tu(data)
    _tell(discover_graphs(graphs, name=title or Path(data).name, **asked), asked["out"])


def is_pictures(data: str) -> bool:
    """Whether DATA are labelled pictures: a folder, or a set of them that is known by name.

    A folder that happens to be called as a built-in table (where a run of it was put, say) is meant as ``./name``.
    """
    from isotropy.data import PICTURE_SETS, list_datasets

    known = {entry.name for entry in list_datasets(every=True)}
    return data in PICTURE_SETS or (data not in known and Path(data).is_dir())


def _of_pictures(verb: str, data: str, settings: dict[str, object], title: str | None, **asked: Any) -> None:
    asked = _run_of(**asked)
    import isotropy
    from isotropy.data import load_pictures

    pictures = load_pictures(data, seed=asked["seed"], **settings)
    pictures = replace(pictures, name=title) if title else pictures
    _tell(getattr(isotropy, verb)(pictures, **asked), asked["out"])


def _find_parts(
    data: str, settings: dict[str, object], noise: str | None, out: Path | None, resume: bool, title: str | None,
    quick: bool, seed: int,
) -> None:  # fmt: skip
    try:
        deviation = None if noise is None else float(noise)
        if deviation is not None and not math.isfinite(deviation):
            raise ValueError(noise)
    except ValueError as error:
        raise SchemaError(f"--noise {noise} with --parts", "one number, in the unit of the points") from error
    from isotropy.data import read_targets, read_views
    from isotropy.discovery import moving_parts

    body, targets = read_views(data, **settings), read_targets(data)
    if targets is None and (quick or seed):
        raise SchemaError(
            f"{'--quick' if quick else '--seed'} with --parts", "x and y beside the views, about which it asks more",
            "np.savez('views.npz', views=v, x=x, y=y)",
        )  # fmt: skip
    known = (body.part, body.names) if body.names else None
    name = title or Path(data).stem
    run: dict[str, Any] = {"out": out, "resume": resume, "title": name}
    _tell(moving_parts(body.views, noise=deviation, known=known, targets=targets, quick=quick, seed=seed, **run), out)


@app.command(
    short_help="Which way to use a symmetry wins?",
    epilog=ask.examples(
        'isotropy compare inertia --groups "O(2)@z" --quick',
        'isotropy compare data.csv --schema data.schema.yaml --groups "O(3)" --methods frames,layers --out runs/c',
        'isotropy compare data.csv --schema data.schema.yaml --groups "O(3)" --backbone mymodels:net --loss absolute',
    ),
)
def compare(
    data: ask.Data,
    group: Annotated[
        list[str],
        typer.Option(
            "--groups",
            "--group",
            help='The symmetry, e.g. "O(3)"; may be repeated. A single one brings along those subgroups that built-in '
            "data name; without one all that they name are compared.",
        ),
    ] = [],  # noqa: B006
    methods: Annotated[
        str | None,
        typer.Option("--methods", help="Only these: augmentation,soft,frames,coordinates,layers (plain is always in)."),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="MODULE:FACTORY",
            help="What makes your network of (inputs, outputs), e.g. mymodels:net.",
        ),
    ] = None,
    loss: Annotated[
        str,
        typer.Option(
            "--loss", help="squared, absolute, cross-entropy (targets are classes 0, 1, ...), or module:function."
        ),
    ] = "squared",
    rate: Annotated[float | None, typer.Option("--rate", help="Learning rate of the network.")] = None,
    schema: ask.SchemaFile = None,
    setting: ask.Settings = [],  # noqa: B006
    seed: ask.Seed = 0,
    out: ask.Out = None,
    resume: ask.Resume = False,
    engine: Annotated[ask.Engine, typer.Option("--engine", help="Where jobs run.")] = ask.Engine.process,
    workers: ask.Workers = None,
    address: ask.Address = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look: three folds of 500 steps, smaller networks.")
    ] = False,
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", help="A budget for every method's passes, e.g. 2GB: plan or refuse."),
    ] = None,
    piecewise: ask.Piecewise = None,
    title: ask.Title = None,
) -> None:
    """Which way to use a symmetry wins: none, augmentation, soft, frames, invariant coordinates or exact layers?

    About how long it takes is said beforehand: a quick look a minute or two, a full one several. DATA may be a folder
    of pictures, one sub-folder for each class, or digits. With --piecewise they are clouds with a target for each
    point: classes as whole numbers, or Scalars or Vectors.
    """
    of_tables = {"--backbone": backbone, "--rate": rate is not None, "--memory": memory, "--loss": loss != "squared"}
    asked: dict[str, Any] = {"methods": methods, "seed": seed, "quick": quick, "out": out, "resume": resume}
    asked |= {"engine": engine, "workers": workers, "address": address}
    if piecewise is not None:
        ask.refuse({**of_tables, "--set": setting}, "with --piecewise", "--groups, --methods, --quick and --seed")
        _of_parts(data, piecewise, schema, title, group=_named(group) or "E(3)", **asked)
        return
    if is_graphs(data):
        instead = f"isotropy discover {data}, whether the order of nodes counts"
        raise SchemaError(f"the graphs {data}", "rows, pictures, or clouds with --piecewise", instead)
    if is_pictures(data):
        ask.refuse({**of_tables, "--schema": schema}, "with pictures", "--groups, --methods, --set, --quick and --out")
        _of_pictures("compare", data, ask.settings_of(setting), title, groups=_named(group), **asked)
        return
    _answer(
        "compare", data, schema, setting, title, groups=_named(group), backbone=backbone, loss=loss, rate=rate,
        memory=memory, **asked,
    )  # fmt: skip


def _of_parts(data: str, parts: str, schema: Path | None, title: str | None, **asked: Any) -> None:
    """The comparison on clouds whose parts are an array of their file, or of a partition that was found."""
    asked = _run_of(**asked)
    from isotropy.comparison import compare_parts
    from isotropy.data import read_parts
    from isotropy.reps import Cloud

    clouds = read_parts(data, parts, schema=schema)
    if clouds.segments is not None or clouds.y is None:
        told = "clouds of different sizes" if clouds.y is not None else f"{data} without numbers y"
        raise SchemaError(told, "clouds x of equally many points, and y with a target for each")
    y = clouds.types.y
    rep = (y.rep if isinstance(y, Cloud) else y) if clouds.y.is_floating_point() else None
    name = title or Path(data).stem
    _tell(compare_parts(clouds.x, clouds.y, clouds.part, rep_out=rep, name=name, **asked), asked["out"])


def _named(groups: list[str]) -> str | None:
    """All groups in one text; None where none are named."""
    if any(not name.strip() for name in groups):
        raise SchemaError("--groups with nothing in it", "a group", '--groups "O(3)"')
    return ",".join(groups) or None


def _run_of(*, engine: ask.Engine, out: Path | None, resume: bool, address: str | None, **asked: Any) -> dict[str, Any]:
    """What a verb is asked, with the options of its run, which are checked."""
    ask.check_run(out, resume, engine, address)
    return {"engine": engine.value, "out": out, "resume": resume, "address": address, **asked}


def _answer(verb: str, data: str, schema: Path | None, setting: list[str], title: str | None, **asked: Any) -> None:
    """Reads the data, puts the question, and shows the answer."""
    asked, settings = _run_of(**asked), ask.settings_of(setting)
    import isotropy
    from isotropy.data import load, read_times

    dataset = load(data, schema=schema, **settings)
    dataset = replace(dataset, title=title) if title else dataset
    if asked.get("time") is not None:
        asked["time"] = read_times(data, asked["time"], dataset.types)
    _tell(getattr(isotropy, verb)(dataset, **asked), asked["out"])


def _tell(found: Any, out: Path | None) -> None:
    show_answer(found)
    point(out)


def show_answer(found: Any) -> None:
    """Prints the answer of a verb, with what follows from it and what to run next."""
    notes = getattr(found, "quiet_notes", getattr(found, "notes", ()))
    said = " ".join(getattr(found, "sentences", ())) or (found.headline() if hasattr(found, "headline") else "")
    show(found, said, notes, getattr(found, "alarm", ""), getattr(found, "next_steps", ()))
    show_claims(getattr(found, "claims", ()))


@app.command(
    "show",
    short_help="Bring back the answer of a run.",
    epilog=ask.examples("isotropy show runs/a", "isotropy show runs/a/result.json"),
)
def show_run(
    run: Annotated[Path, typer.Argument(help="The directory that --out named.")],
) -> None:
    """Prints the answer in the directory of a run; of an interrupted one, how far it came and how to continue."""
    from isotropy.study import load_run

    show_answer(load_run(run))
    page = (run if run.is_dir() else run.parent) / "report.html"
    if page.is_file():
        print(f"\nreport: {page}")
