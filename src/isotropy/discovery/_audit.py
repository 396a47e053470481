"""How symmetric is the model that I already have, and where does it break?"""

import time
from collections import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as tree

from isotropy.data import Dataset, ModelInputs, Pictures, Types, admitted, by_name, enough_units
from isotropy.discovery._adapted import OnGraphs, adapted, asked_on, batched, with_columns
from isotropy.discovery._audit_pictures import WorstPicture, worst_picture
from isotropy.discovery._audit_result import Audit, Generator, GroupAudit
from isotropy.discovery._words import ROUNDING
from isotropy.errors import DomainError, SchemaError
from isotropy.estimate import Estimate
from isotropy.frames.parts import Inputs, is_graph, opened
from isotropy.linalg import Segments
from isotropy.measure import (
    Blame,
    Layer,
    LayerErrors,
    Sample,
    equivariance_defects,
    equivariance_error,
    interpolation_floor,
    layer_errors,
    lie_error,
)
from isotropy.measure.parts import units
from isotropy.modes import evaluating
from isotropy.random import spawn
from isotropy.reps import Field, Schema, leaves, parse_type, written_type
from isotropy.runs import progress_bar
from isotropy.study import Candidate, CandidateLike, candidates, subgroups

_ERROR_ROWS = 2_000
_LIE_ROWS = 1_000
_LAYER_ROWS = 512
_DRAWS = 32


def audit(
    model: Any,
    x: Any,
    types: Types | None = None,
    *,
    groups: str | CandidateLike | Sequence[CandidateLike],
    cluster: Iterable[Any] | str | None = None,
    segments: Segments | Iterable[Any] | None = None,
    windows: Mapping[str, float] | None = None,
    name: str = "",
    seed: int = 0,
    progress: bool | None = None,
) -> Audit:
    """How far ``model`` is from equivariant under each of ``groups``, on the rows of ``x`` (n, p), and where it breaks.

    Clouds are ``(n, points, d)``, images ``(n, C, H, W)``, graphs ``(n, m, m)``, as ``reps.read_values`` says, and a
    tuple of types takes one of values, the arguments of ``model``; of a DataFrame the types may name the columns.
    A ``Batch`` of torch_geometric, or a list of graphs, is one argument, its type a dictionary of the attributes that
    move, ``{"pos": "Cloud(Point)"}``. ``model`` may be any callable of tensors or numpy arrays, and an estimator of
    scikit-learn; for calculators of ase there is ``audit_calculator``.
    With ``segments``, Segments or the label of the set
    of each point, Clouds are flat ``(N, d)``, and the model is called with Segments as its last argument.

    ``x`` may be a Dataset, which brings types and clusters, or what ``data.read_inputs`` and ``data.read_pictures``
    read of files and folders, whose types may be said in part; else ``types`` declares the columns of input and output.
    Integers count as numbers; ``cluster (n,)`` are labels of the independent units, of which there are at least 8.
    A module is put in eval mode for the audit, and each of its parts left in its own; data are read in its dtype. At
    most 2000 rows are used for the errors, 1000 for the Lie errors, 512 for the layers, drawn with ``seed``.
    ``windows`` gives the width for groups without a uniform law. ``progress=False`` is silent.

    Raises SchemaError where types are missing or do not fit, DtypeError and DomainError for rows that are no finite
    real numbers, ShapeError for too few of them, and what ``equivariance_error`` raises.

    >>> x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> found = audit(lambda v: v * v[:, :1], x, dict(x="Vector", y="Vector"), groups=["SO(3)", "SO(2)@x"])
    >>> found["SO(2)@x"].error.mean < 1e-12 < found["SO(3)"].error.mean
    True
    """
    began = time.perf_counter()
    given, model = model, adapted(model)
    came, notes, called, classes = 0, list[str](), "", tuple[str, ...]()
    if isinstance(x, Pictures | ModelInputs):
        inputs = asked_on(model, x, types, seed)
        types, came, notes, called = inputs.types, inputs.given, list(inputs.notes), inputs.name
        classes = inputs.classes
        segments = inputs.segments if segments is None else segments
        cluster, x = inputs.cluster if cluster is None else cluster, inputs.x
    if isinstance(x, Dataset):
        types, segments = types or x.types, x.segments if segments is None else segments
        cluster, x = x.cluster if cluster is None else cluster, x.x
    x, _, types, cluster = by_name(batched(x), None, types, cluster)
    if types is None:
        raise SchemaError("no types", "a type for input and output", "types=dict(x='3*Vector', y='Scalar')")
    if is_graph(x):
        inputs, schema = _graphs(x, types)
        model = OnGraphs(model, inputs) if isinstance(model, nn.Module) else partial(_on_graphs, model, inputs)
        values, sets, numbers = inputs.x, inputs.segments, None
    else:
        schema = Schema.of(types)
        values, _, numbers, sets = admitted(schema, x, cluster=cluster, segments=segments)
    rows = Sample(values, schema.x, sets)
    unit = torch.arange(len(rows)) if numbers is None else numbers
    enough_units(unit)
    listed = candidates(groups, schema, values, windows)
    chosen = torch.randperm(len(rows), generator=spawn(seed, "audit rows"))[:_ERROR_ROWS]
    dtype = _dtype(model, x)
    sample = rows.take(chosen).to(dtype)
    found: tuple[GroupAudit, ...] = ()
    worst: dict[str, WorstPicture] = {}
    with evaluating(given), _plain_attention(), progress_bar("groups audited", len(listed), progress) as advance:
        model = with_columns(model, sample, schema.y)
        for one in listed:
            found += (_judge(model, sample, unit[chosen], schema, one, seed, notes, worst, classes),)
            advance()
    found = _not_acquitted(found, listed, notes)
    return Audit(
        model=name or _named(given),
        data={
            **{"rows": max(came, len(rows)), "used": len(chosen), "units": len(torch.unique(unit))},
            **({"name": called} if called else {}),
            **({"columns": values.shape[1]} if schema.tabular else {"inputs": written_type(schema.x)}),
            "types": {"x": _texts(schema.x), "y": _texts(schema.y)},
            "dtype": str(dtype).removeprefix("torch."),
        },
        groups=found,
        worst=worst,
        notes=tuple(dict.fromkeys(notes)),
        settings={"seed": seed, "groups": ", ".join(one.name for one in listed)},
        seconds=time.perf_counter() - began,
    )


def _texts(type_: Any) -> Any:
    """A tree of types as JSON has it."""
    if isinstance(type_, tuple):
        return list(map(_texts, type_))
    if isinstance(type_, dict):
        return {name: _texts(part) for name, part in type_.items()}
    return written_type(type_)


@contextmanager
def _plain_attention() -> abc.Generator[None, None, None]:
    """Attention of torch by its plain operations, which have derivatives along generators; the fused ones have none."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _graphs(x: Any, types: Types) -> tuple[Inputs, Schema]:
    """Graphs of torch_geometric by their tensors, and the types of these and of the output."""
    asked = types if isinstance(types, Mapping) else {"x": types.x, "y": types.y}
    inputs = opened(x, parse_type(asked["x"]))
    return inputs, Schema(x=inputs.rep_in, y=parse_type(asked.get("y")))


def _on_graphs(model: Any, inputs: Inputs, segments: Any = None, **values: Any) -> Any:
    return inputs.call(model, values, segments)


def _named(model: Any) -> str:
    return getattr(model, "__name__", None) or type(model).__name__


def _judge(
    model: Callable[..., Any],
    sample: Sample,
    unit: Tensor,
    schema: Schema,
    candidate: Candidate,
    seed: int,
    notes: list[str],
    worst: dict[str, WorstPicture],
    classes: tuple[str, ...],
) -> GroupAudit:
    group = candidate.group

    def asked(question: Callable[..., Any], subject: Any, rows: int, **options: Any) -> Any:
        few = sample.take(slice(rows))
        return question(model, subject, few.x, schema.x, schema.y, segments=few.segments, **options)

    error, pair = _error(partial(asked, seed=seed), candidate, schema, unit)
    if pair is not None and error.mean > ROUNDING:
        picture = worst_picture(model, group, sample, *pair, schema.y, classes)
        worst.update({} if picture is None else {candidate.name: picture})
    warped, floor = _floors(model, candidate, sample, schema, seed)
    told = partial(GroupAudit, candidate.name, error, width=candidate.width, floor=floor)
    if warped is not None and floor is not None:
        said = f"{candidate.name} warps images: there and back they are {warped.mean:.2g} from themselves, in the same"
        notes.append(f"{said} norm, and outputs {floor.mean:.2g}; errors of that size are interpolation.")
    modules = isinstance(model, nn.Module) and any(True for _ in model.children())
    # Where nothing breaks no layer does; of a group with reflections the rest says where, if turning is kept.
    broken = modules and error.mean > max(ROUNDING, 0.0 if floor is None else floor.mean)
    if not group.dim:
        layers, blame = _several(asked(layer_errors, group, _LAYER_ROWS)) if broken else _NOWHERE
        return told(layers=layers, blame=blame)
    if getattr(model, "arrays", False):
        notes.append("No Lie errors: the model computes outside torch, which then knows no derivatives of it.")
        return told()
    try:
        lie = asked(lie_error, group, _LIE_ROWS, cluster=unit[:_LIE_ROWS])
    except (DomainError, RuntimeError) as reason:  # an operation without forward derivatives
        notes.append(f"No Lie errors: {str(reason).splitlines()[0]}.")
        return told()
    generators = tuple(Generator(*pair) for pair in zip(group.generator_names, lie.generators, strict=True))
    layers, blame = _NOWHERE
    if broken and lie.total.mean < ROUNDING and len(tree.tree_leaves(group.discrete)[0]):
        layers, blame = _several(asked(layer_errors, group, _LAYER_ROWS, discrete=True))
    elif broken or (modules and floor is None):
        layers, blame = _several(asked(layer_errors, group, _LAYER_ROWS))
    return told(lie=lie.total, generators=generators, layers=layers, blame=blame)


def _error(
    asked: Callable[..., Any], candidate: Candidate, schema: Schema, unit: Tensor
) -> tuple[Estimate, tuple[int, Any] | None]:
    """The error, and of images the worst pair of row and element."""
    if not isinstance(schema.x, Field):
        return asked(equivariance_error, candidate.measured, _ERROR_ROWS, n=_DRAWS, cluster=unit), None
    found = asked(equivariance_defects, candidate.measured, _ERROR_ROWS, n=_DRAWS)
    estimate = found.estimate("relative", units(unit, len(found.distance)), 0.95)
    return estimate, (found.worst_row, found.worst_element)


def _floors(
    model: Callable[..., Any], candidate: Candidate, sample: Sample, schema: Schema, seed: int
) -> tuple[Estimate | None, Estimate | None]:
    """What interpolation does to images that a group warps, and to outputs on them; None where cells go to cells."""
    if not any(isinstance(leaf, Field) for leaf in leaves(schema.x)):
        return None, None
    few = sample.take(slice(_LIE_ROWS))
    asked = partial(interpolation_floor, candidate.measured, few.x, schema.x, seed=seed)
    warped = asked()
    return (warped, asked(through=model, rep_out=schema.y)) if warped.mean > ROUNDING else (None, None)


def _not_acquitted(
    found: Sequence[GroupAudit], listed: Sequence[Candidate], notes: list[str]
) -> tuple[GroupAudit, ...]:
    """Interpolation excuses no group of which a part, that interpolates nothing, is broken."""
    broken = {one.name for one in found if one.floor is None and one.error.mean > ROUNDING}
    inside, result = subgroups(listed), list[GroupAudit]()
    for one in found:
        parts = [name for name in inside[one.name] if name in broken]
        if one.floor is not None and one.error.mean <= one.floor.mean and parts:
            notes.append(
                f"{one.name} contains {', '.join(parts)}, broken without interpolation: nor is its error that."
            )
            one = replace(one, floor=None)
        result.append(one)
    return tuple(result)


_NOWHERE: tuple[tuple[Layer, ...], Blame] = ((), Blame(""))


def _several(found: LayerErrors) -> tuple[tuple[Layer, ...], Blame]:
    """The layers, unless one is the whole model, as in an exported program; and the one that is blamed."""
    return (found.layers if len(found.layers) > 1 else ()), found.blame


def _dtype(model: Callable[..., Any], x: Any) -> torch.dtype:
    """The precision of the model's weights, else that in which the data were given."""
    if isinstance(model, nn.Module):
        for weight in [*model.parameters(), *model.buffers()]:
            if weight.is_floating_point():
                return weight.dtype
    return torch.float32 if getattr(x, "dtype", None) in (torch.float32, np.float32) else torch.float64
