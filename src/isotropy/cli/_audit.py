"""``isotropy audit``: how symmetric is the model that I already have, and where does it break?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from isotropy.cli._app import app
from isotropy.cli._options import (
    Data,
    Out,
    Resume,
    SchemaFile,
    Seed,
    Settings,
    check_run,
    examples,
    point,
    settings_of,
    show,
)
from isotropy.errors import IsotropyError, MissingExtraError, SchemaError


@app.command(
    short_help="How symmetric is the model that I have?",
    epilog=examples(
        'isotropy audit model.pt2 data.npz --schema schema.yaml --groups "SO(3)" --out runs/d',
        'isotropy audit mypackage.models:net inertia --groups "O(3),O(2)@z"',
    ),
)
def audit(
    model: Annotated[str, typer.Argument(help="A program saved by torch.export (.pt2), or module:attr of your code.")],
    data: Data,
    group: Annotated[list[str], typer.Option("--groups", "--group", help='Groups to test, e.g. "SO(3),O(2)@z".')],
    schema: SchemaFile = None,
    setting: Settings = [],  # noqa: B006  typer copies its defaults
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
) -> None:
    """How symmetric is the model that I already have, and in which layer does it break?"""
    check_run(out, resume)
    settings = settings_of(setting)
    from isotropy import data as rooms
    from isotropy.discovery import adapted, is_calculator, load_model
    from isotropy.discovery import audit as examine
    from isotropy.study import answering

    loaded = _loaded(load_model, model)
    if not callable(loaded) and not is_calculator(loaded):
        loaded = loaded.predict  # an estimator
    if is_calculator(loaded):
        asked = {"model": model, "data": data, "groups": ",".join(group), "seed": seed}
        with answering(out, resume, asked) as answer:
            found = answer.write(_of_calculator(loaded, data, group, model, seed))
        show(found, found.headline())
        point(out)
        return
    dataset = rooms.load(data, schema=schema, **settings)
    check_batches(adapted(loaded), dataset, model)
    groups = ",".join(group)
    asked = {"model": model, "data": data, "settings": settings, "groups": groups, "seed": seed}
    with answering(out, resume, asked) as answer:
        asked_when = {key: answer.stamp()[key] for key in ("date", "command")}
        found = answer.write(replace(examine(loaded, dataset, groups=groups, seed=seed, name=model), **asked_when))
    show(found)
    point(out)


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
    try:
        structures: Any = ase.io.read(data, ":")
    except Exception as error:  # each format of ase fails in its own way
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise SchemaError(f"{data}, which ase cannot read: {said}", "structures, as in .xyz, .cif or .traj") from error
    return audit_calculator(calculator, structures, groups=",".join(groups), name=name, seed=seed)


def check_batches(model: Callable[..., Any], data: Any, given: str) -> None:
    """Calls the model on two and on three rows of a Dataset; raises ``SchemaError`` where it takes only batches of one
    size, or gives another number of rows back."""
    import torch
    from torch import nn
    from torch.utils import _pytree as tree

    from isotropy.measure import Sample

    weight = next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None
    sample = Sample(data.x, data.types.x, data.segments)
    sample = sample if weight is None else sample.to(weight.dtype)
    hint = "export with dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)" if given.endswith(".pt2") else ""
    for count in (2, 3):
        few = sample.take(slice(count))
        shapes = ", ".join(str(tuple(part.shape[1:])) for part in tree.tree_leaves(few.x))
        rows = f"{count} rows of shape {shapes}"
        wanted = f"a function of rows (B, {data.x.shape[1]}) for every B" if data.types.tabular else "one for every B"
        try:
            with torch.no_grad():
                y = few.call(model)
        except Exception as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise SchemaError(f"{given}, which fails on {rows}: {said}", wanted, hint) from error
        counts = (count, None if few.segments is None else len(few.segments.label))
        if not isinstance(y, torch.Tensor) or y.ndim < 1 or len(y) not in counts:
            gave = f"a tensor of shape {tuple(y.shape)}" if isinstance(y, torch.Tensor) else f"a {type(y).__name__}"
            raise SchemaError(f"{given}, which makes {gave} of {rows}", f"{wanted}, with one row of values for each")
