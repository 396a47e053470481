"""``isotropy audit``: how symmetric is the model that I already have, and where does it break?"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from isotropy.cli._app import app
from isotropy.cli._options import (
    DATA_HELP,
    Out,
    Piecewise,
    Resume,
    SchemaFile,
    Seed,
    Settings,
    Title,
    check_run,
    examples,
    point,
    refuse,
    settings_of,
    show,
    tell,
)
from isotropy.errors import IsotropyError, MissingExtraError, SchemaError, counted
from isotropy.storage import reading


@app.command(
    short_help="How symmetric is the model that I have?",
    epilog=examples(
        'isotropy audit model.pt2 data.npz --schema schema.yaml --groups "SO(3)" --out runs/d',
        'isotropy audit mypackage.models:net pictures/ --set size=32 --groups "D(4)"',
        'isotropy audit ase.calculators.emt:EMT structures.xyz --groups "E(3)"',
        "isotropy audit mypackage.models:net clouds.npz --schema schema.yaml --piecewise part",
        "isotropy audit mypackage.models:encoder views.npz",
        'isotropy audit --env Ant-v5 --groups "O(2)@z"',
    ),
)
def audit(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A program saved by torch.export (.pt2), or module:attr of your code: a model, an estimator, a "
            "calculator of ase, or a function without arguments that makes one.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[str | None, typer.Argument(help=DATA_HELP, show_default=False)] = None,
    group: Annotated[list[str], typer.Option("--groups", "--group", help='Groups to test, e.g. "SO(3),O(2)@z".')] = [],  # noqa: B006
    schema: SchemaFile = None,
    setting: Settings = [],  # noqa: B006  typer copies its defaults
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
    title: Title = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="Also: what each block of the model keeps, and what less memory costs.")
    ] = False,
    blocks: Annotated[
        str | None,
        typer.Option("--blocks", metavar="NAME", help="With --memory: which blocks, e.g. encoder.layers."),
    ] = None,
    piecewise: Piecewise = None,
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            metavar="ID",
            help="Instead of MODEL and DATA: an environment of gymnasium over MuJoCo (Ant-v5, "
            "isotropy/walker_7_full-v0), whose dynamics, reward and end are measured.",
        ),
    ] = None,
) -> None:
    """How symmetric is the model that I already have, and in which layer does it break?

    DATA may also be a folder of pictures (--set size=32 makes them alike), structures (.xyz, .cif, ...) and a list of
    graphs (.npz, .json). With an .npz of images (n_obj, n_view, 3, S, S) and latents (n_obj, n_view, 7) MODEL is an
    encoder, of which it is asked what it knows of the poses, without --groups. Seconds for most models; a line every
    20 seconds says how far it is.
    """
    check_run(out, resume)
    if env is not None:
        beside = {"--schema": schema, "--title": title, "--memory": memory, "--blocks": blocks}
        refuse({**beside, "--piecewise": piecewise}, "with --env", "--groups, --set, --seed and --out")
        _environment(env, model, group, setting, seed, out, resume)
        return
    if model is None or data is None:
        raise SchemaError(
            f"MODEL {model} and no DATA" if model else "neither MODEL nor DATA", "both, or --env ID",
            "isotropy audit model.pt2 data.npz ...",
        )  # fmt: skip
    if blocks is not None and not memory:
        raise SchemaError(f"--blocks {blocks} without --memory", "--memory, which looks at them")
    from isotropy.represent import is_views_file

    if schema is None and is_views_file(data):
        beside = {"--groups": group, "--memory": memory, "--piecewise": piecewise, "--set": setting}
        refuse(beside, "with views of objects", "no such option: latents say what moved")
        _of_encoder(model, data, title, seed, out, resume)
        return
    if not group and piecewise is None:
        raise SchemaError("no groups", "groups to test, or --piecewise ARRAY", '--groups "SO(3)"')
    settings = settings_of(setting)
    from isotropy import data as rooms
    from isotropy.discovery import adapted, is_calculator, load_model
    from isotropy.discovery import audit as examine
    from isotropy.study import answering

    loaded = _loaded(load_model, model)
    if not callable(loaded) and not is_calculator(loaded):
        loaded = loaded.predict  # an estimator
    if is_calculator(loaded):
        beside = {"--schema": schema, "--set": setting, "--memory": memory, "--piecewise": piecewise, "--title": title}
        refuse(beside, "with a calculator", "--groups, --seed and --out")
        asked = {"model": model, "data": data, "groups": ",".join(group), "seed": seed}
        with answering(out, resume, asked) as answer:
            found = answer.write(_asked_when(_of_calculator(loaded, data, group, model, seed), answer))
        tell(found, out, steps=found.next_steps)
        return
    if piecewise is not None:
        beside = {"--memory": memory, "--set": setting, "--title": title}
        refuse(beside, "with --piecewise", "--groups, --schema, --seed and --out")
        found = _part_by_part(loaded, data, piecewise, schema, ",".join(group) or "E(3)", model, seed, out, resume)
        tell(found, out, steps=found.next_steps)
        return
    inputs = rooms.read_inputs(data, schema=schema, seed=seed, **settings)
    inputs = replace(inputs, name=title) if title else inputs
    check_batches(adapted(loaded), inputs, model)
    groups = ",".join(group)
    asked = {"model": model, "data": data, "settings": settings, "groups": groups, "seed": seed}
    with answering(out, resume, asked) as answer:
        found = answer.write(_asked_when(examine(loaded, inputs, groups=groups, seed=seed, name=model), answer))
    show(found, found.headline(), steps=found.next_steps)
    if memory:
        _show_memory(loaded, inputs.x, out, blocks)
    point(out)


def _environment(
    env: str, model: str | None, group: list[str], setting: list[str], seed: int, out: Path | None, resume: bool
) -> None:
    """The symmetry that an environment really has, with the settings that gymnasium makes it with."""
    if model is not None:
        raise SchemaError(f"--env {env} and MODEL {model}", "one of the two")
    from isotropy.control import environment, measure_symmetry

    made = environment(env, **{key: yaml.safe_load(str(value)) for key, value in settings_of(setting).items()})
    found = measure_symmetry(made, ",".join(group) or "SO(2)@z", seed=seed, out=out, resume=resume)
    tell(found, out, found.sentences[1:])


def _asked_when(found: Any, answer: Any) -> Any:
    """The answer with the date and the command of its question."""
    return replace(found, **{key: answer.stamp()[key] for key in ("date", "command")})


def _of_encoder(model: str, data: str, title: str | None, seed: int, out: Path | None, resume: bool) -> None:
    """What an encoder knows of the poses of objects that are seen in several views."""
    from isotropy.discovery import load_model
    from isotropy.represent import audit_encoder, read_views
    from isotropy.study import answering

    encoder = _loaded(load_model, model)
    images, poses = read_views(data)
    with answering(out, resume, {"model": model, "data": data, "seed": seed}) as answer:
        found = audit_encoder(encoder, images, poses, seed=seed, name=title or model)
        found = answer.write(_asked_when(found, answer))
    tell(found, out)


def _part_by_part(
    model: Any, data: str, parts: str, schema: Path | None, group: str, name: str, seed: int, out: Path | None,
    resume: bool,
) -> Any:  # fmt: skip
    """The audit of clouds whose parts are an array of their file, or of a partition that was found."""
    from isotropy.data import read_parts
    from isotropy.discovery import audit_parts
    from isotropy.reps import Cloud, Rep

    clouds = read_parts(data, parts, schema=schema)
    y = clouds.types.y
    rep = y.rep if isinstance(y, Cloud) else y
    if rep is not None and not isinstance(rep, Rep):
        raise SchemaError(f"outputs y of type {y}", "a value for each point", "y: Cloud(Vector), or Cloud(5*Scalar)")
    return audit_parts(
        model, clouds.x, clouds.part, rep_out=rep, group=group, segments=clouds.segments, names=clouds.names,
        out=out, resume=resume, name=name, seed=seed,
    )  # fmt: skip


def _show_memory(model: Any, x: Any, out: Path | None, blocks: str | None) -> None:
    """What each layer keeps on at most 1024 rows, and the page with the curve beside the report."""
    import numpy as np
    import torch

    from isotropy.discovery import memory_look

    if not isinstance(x, np.ndarray | torch.Tensor):
        raise SchemaError(f"the memory of a model of {type(x).__name__}", "one table, cloud or picture for each row")
    weight = next(iter(model.parameters()), None) if hasattr(model, "parameters") else None
    few = torch.as_tensor(x[:1024])
    look = memory_look(model, few if weight is None else few.to(weight.dtype), blocks)
    show(look)
    if out is not None:
        print(f"memory: {look.report(out / 'memory.html')}")


def _loaded(load: Callable[[str], Any], given: str) -> Any:
    """The model; what a person's own module raises when it is imported, or its class when it is made, is told as a
    refusal."""
    try:
        return load(given)
    except IsotropyError:
        raise
    except Exception as error:
        said = (str(error).splitlines() or [""])[0]
        raise SchemaError(
            f"{given}, which raises {type(error).__name__}: {said}",
            "a model that can be imported: a function, an nn.Module, or its class if it takes no arguments",
            "name an instance, as in mypackage.models:net",
        ) from error


def _of_calculator(calculator: Any, data: str, groups: list[str], name: str, seed: int) -> Any:
    """The laws of a potential, on the structures of a file that ase reads."""
    try:
        import ase.io
    except ImportError as missing:
        raise MissingExtraError.of("ase", "molecules") from missing
    from isotropy.discovery import audit_calculator

    if not Path(data).is_file():
        raise SchemaError(f"{data!r} for a calculator", "a file of structures, such as structures.xyz")
    with reading(data, "structures, as in .xyz, .cif or .traj"):
        structures: Any = ase.io.read(data, ":")
    return audit_calculator(calculator, structures, groups=",".join(groups), name=name, seed=seed)


def check_batches(model: Callable[..., Any], data: Any, given: str) -> None:
    """Calls the model on two and on three rows of ``ModelInputs``; raises ``SchemaError`` where it takes only batches
    of one size, or gives another number of rows back."""
    import torch
    from torch import nn
    from torch.utils import _pytree as tree

    from isotropy.frames.parts import is_graph, opened
    from isotropy.measure import Sample
    from isotropy.reps import Rep, Schema, parse_type

    asked = data.types.x if isinstance(data.types, Schema) else parse_type(data.types["x"])
    call = model
    if is_graph(data.x):
        graphs = opened(data.x, asked)
        sample = Sample(graphs.x, graphs.rep_in, graphs.segments)
        call = partial(_on_graphs, graphs, model)
    else:
        x, _, _, segments = _admitted(data, asked)
        sample = Sample(x, asked, segments)
    weight = next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None
    sample = sample if weight is None else sample.to(weight.dtype)
    hint = "export with dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)" if given.endswith(".pt2") else ""
    for count in (2, 3):
        few = sample.take(slice(count))
        shapes = ", ".join(str(tuple(part.shape[1:])) for part in tree.tree_leaves(few.x))
        rows = counted(count, "graph") if is_graph(data.x) else f"{counted(count, 'row')} of shape {shapes}"
        table = isinstance(asked, Rep)
        wanted = (
            f"a function of rows (B, {sample.x.shape[1]}) for every B" if table else "a function of any number of rows"
        )
        try:
            with torch.no_grad():
                y = few.call(call)
        except Exception as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise SchemaError(f"{given}, which fails on {rows}: {said}", wanted, hint) from error
        counts = (count, None if few.segments is None else len(few.segments.label))
        if not isinstance(y, torch.Tensor) or y.ndim < 1 or len(y) not in counts:
            gave = f"a tensor of shape {tuple(y.shape)}" if isinstance(y, torch.Tensor) else f"a {type(y).__name__}"
            raise SchemaError(f"{given}, which makes {gave} of {rows}", f"{wanted}, with one row of values for each")


def _admitted(data: Any, asked: Any) -> Any:
    """The values of the inputs as their type wants them, or the refusal that says what they are."""
    from isotropy.data import admitted
    from isotropy.reps import Schema

    schema = data.types if isinstance(data.types, Schema) else Schema.of({"x": asked, "y": "Scalar"})
    return admitted(schema, data.x, segments=data.segments)


def _on_graphs(graphs: Any, model: Callable[..., Any], segments: Any = None, **values: Any) -> Any:
    return graphs.call(model, values, segments)
