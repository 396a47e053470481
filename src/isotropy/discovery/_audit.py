"""How symmetric is the model that I already have, and where does it break?"""

import time
from collections import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as tree

from isotropy.data import Dataset, ModelInputs, Pictures, Types, admitted, by_name, enough_units
from isotropy.discovery._adapted import OnGraphs, adapted
from isotropy.discovery._asked_on import asked_on, batched, evaluating, with_columns
from isotropy.discovery._words import ROUNDING, verdict
from isotropy.errors import DomainError, SchemaError
from isotropy.estimate import Estimate
from isotropy.frames.parts import Inputs, is_graph, opened
from isotropy.linalg import Segments
from isotropy.measure import (
    Blame,
    Layer,
    LayerErrors,
    Sample,
    equivariance_error,
    interpolation_floor,
    layer_errors,
    lie_error,
)
from isotropy.random import spawn
from isotropy.report import Bar, Bars, Block, Column, Table, Text, flatten, section
from isotropy.reps import Field, Schema, leaves, parse_type, written_type
from isotropy.runs import progress_bar
from isotropy.study import Answer, Candidate, CandidateLike, candidates

_ERROR_ROWS = 2_000
_LIE_ROWS = 1_000
_LAYER_ROWS = 512
_DRAWS = 32


@dataclass(frozen=True)
class Generator:
    """The infinitesimal error along one generator of the algebra, per unit of it."""

    name: str
    error: Estimate


@dataclass(frozen=True)
class GroupAudit:
    """What was found about one group: the relative error, the Lie error along each generator, and the layers.

    ``error.max`` is the worst pair of row and element. ``lie`` is None for a finite group and for a model whose
    derivative torch cannot see; ``layers`` is empty where the model shows none. ``width`` is the window of a group
    without a uniform law. ``blame`` names the layer where the symmetry is lost, and those that cannot be told from it.
    """

    name: str
    error: Estimate
    lie: Estimate | None = None
    generators: tuple[Generator, ...] = ()
    layers: tuple[Layer, ...] = ()
    width: tuple[float, ...] | None = None
    blame: Blame = Blame("")

    @property
    def verdict(self) -> str:
        """What the error means, in words."""
        return verdict(self.error.mean)

    def worst(self) -> Layer | None:
        """The layer that adds most to the error, None where no layers were seen."""
        return max(self.layers, key=lambda layer: layer.error, default=None)


@dataclass(frozen=True, kw_only=True, repr=False)
class Audit(Answer[GroupAudit]):
    """How far a model is from each symmetry, with intervals, and where it breaks.

    ``audit["SO(3)"]`` is what was found about one group; errors are relative: sqrt(sum |f(gx) - gf(x)|^2 / sum s^2)
    with s^2 = |f(gx)|^2 + |gf(x)|^2, so 0 is equivariant and 1 is as far as unrelated outputs are.
    """

    kind: ClassVar[str] = "audit"
    model: str = ""
    groups: tuple[GroupAudit, ...] = ()

    @property
    def largest(self) -> GroupAudit | None:
        """The largest group that the model keeps to rounding, of those asked; None where it keeps none."""
        return next((found for found in self.groups if found.error.mean <= ROUNDING), None)  # the largest stand first

    @property
    def layers(self) -> GroupAudit:
        """The group that is broken most among those whose layers were seen; ``.worst()`` names the layer.

        Raises DomainError where no layers were seen.
        """
        seen = [found for found in self.groups if found.layers]
        if not seen:
            raise DomainError("an audit without layers", "a torch module of several layers, and a group that it breaks")
        return max(seen, key=lambda found: found.error.mean)

    @property
    def sentences(self) -> Sequence[str]:
        return [self.headline()]

    def headline(self) -> str:
        """The answer in a sentence or two."""
        best, broken = (pick(self.groups, key=lambda found: found.error.mean) for pick in (min, max))
        return _headline(self.largest, best, broken)

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for found in self.groups:
            worst = found.worst()
            rows.append(
                {
                    "group": found.name,
                    **flatten("error", found.error, headline=True),
                    "max": found.error.max,
                    "verdict": found.verdict,
                    **flatten("lie_error", found.lie),
                    "worst_layer": worst.name if worst else None,
                    "worst_layer_share": worst.share if worst else None,
                    "blamed": found.blame.layer or None,
                    "among": ", ".join(found.blame.among) or None,
                }
            )
        return rows

    def summary(self) -> Table:
        columns = (
            Column("group"),
            Column("equivariance error", "number", explain="Relative rms over data and group; 0 is equivariant."),
            Column("worst pair", "number", explain="The largest error of one row under one element."),
            Column("per unit generator", "number", explain="The infinitesimal error, over all generators."),
            Column("verdict", explain="Exact to rounding below 1e-6; 1 is as far as unrelated outputs are."),
            Column("lost in", explain="The first layer that no hidden action of the group follows."),
            Column("or in", explain="Layers that the outputs cannot tell from it.", terminal=False),
        )
        cells = [
            (
                found.name,
                found.error,
                found.error.max,
                found.lie,
                found.verdict,
                found.blame.where or None,
                ", ".join(found.blame.others) or None,
            )
            for found in self.groups
        ]
        return Table(columns, cells, title="Errors", notes=self.notes)

    def title(self) -> str:
        on = f" on {self.data['name']}" if self.data.get("name") else ""
        return f"Audit of {self.model or 'a model'}{on}"

    def blocks(self) -> Sequence[Block]:
        errors = Bars(
            [_bar(found.name, found.error) for found in self.groups],
            title="Error under each group",
            xlabel="relative equivariance error",
            scale="root",
            interval_label="95 % interval over rows",
            caption="0 is exactly equivariant; 1 is as far apart as unrelated outputs.",
        )
        directions = [_directions(found) for found in self.groups if found.generators]
        layers = [_where(found) for found in self.groups if found.layers and found.error.mean > ROUNDING]
        return [
            Text(self.headline(), style="headline"),
            *section("How symmetric", self.summary(), errors),
            *section("Along which directions", *directions),
            *section("Where it breaks", *layers),
            *section("How to read this", Text(_HOW_TO_READ, style="details")),
        ]


def _directions(found: GroupAudit) -> Bars:
    return Bars(
        [_bar(each.name, each.error) for each in found.generators],
        title=f"Generators of {found.name}",
        xlabel="relative error per unit generator",
        scale="root",
        half=True,
    )


def _where(found: GroupAudit) -> Bars:
    return Bars(
        [Bar(_label(layer) + ("" if layer.typed else " *"), layer.share) for layer in found.layers],
        title=f"Layers, under {found.name}",
        xlabel="share of what the layers add",
        percent=True,
        half=True,
        caption="* declares no hidden type: charged with what no linear action on its features can follow.",
    )


_HOW_TO_READ = """The error compares f(g x) with g f(x) for the rows of the data and random elements g of the group. \
It speaks about the model, not about the data: an unconstrained network trained on perfectly symmetric data has an \
error above zero. To learn which symmetries the data have, run `isotropy discover`.

- The interval says how far the error would move with other rows, or with other clusters where rows are not independent.
- The error per unit generator is the limit of small group elements; it shows along which direction the model breaks.
- Layers: the infinitesimal error, of a finite group the error itself, is split exactly over the modules through which \
everything flows; contributions may cancel, so shares are of their total size."""


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
    A module is put in eval mode for the audit and left as it was; data are read in its dtype. At most 2000 rows are
    used for the errors, 1000 for the Lie errors, 512 for the layers, drawn with ``seed``. ``windows`` gives the
    width for groups without a uniform law. ``progress=False`` is silent.

    Raises SchemaError where types are missing or do not fit, DtypeError and DomainError for rows that are no finite
    real numbers, ShapeError for too few of them, and what ``equivariance_error`` raises.

    >>> x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> found = audit(lambda v: v * v[:, :1], x, dict(x="Vector", y="Vector"), groups=["SO(3)", "SO(2)@x"])
    >>> found["SO(2)@x"].error.mean < 1e-12 < found["SO(3)"].error.mean
    True
    """
    began = time.perf_counter()
    given, model = model, adapted(model)
    came, notes, called = 0, list[str](), ""
    if isinstance(x, Pictures | ModelInputs):
        inputs = asked_on(model, x, types, seed)
        types, came, notes, called = inputs.types, inputs.given, list(inputs.notes), inputs.name
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
    sample = rows.take(chosen).to(_dtype(model, x))
    model = with_columns(model, sample, schema.y)
    found: tuple[GroupAudit, ...] = ()
    with evaluating(model), _plain_attention(), progress_bar("groups audited", len(listed), progress) as advance:
        for one in listed:
            found += (_judge(model, sample, unit[chosen], schema, one, seed, notes),)
            advance()
    return Audit(
        model=name or _named(given),
        data={
            **{"rows": max(came, len(rows)), "used": len(chosen), "units": len(torch.unique(unit))},
            **({"name": called} if called else {}),
            **({"columns": values.shape[1]} if schema.tabular else {"inputs": written_type(schema.x)}),
        },
        groups=found,
        notes=tuple(dict.fromkeys(notes)),
        settings={"seed": seed, "groups": ", ".join(one.name for one in listed)},
        seconds=time.perf_counter() - began,
    )


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
) -> GroupAudit:
    group = candidate.group

    def asked(question: Callable[..., Any], subject: Any, rows: int, **options: Any) -> Any:
        few = sample.take(slice(rows))
        return question(model, subject, few.x, schema.x, schema.y, segments=few.segments, **options)

    error = asked(equivariance_error, candidate.measured, _ERROR_ROWS, n=_DRAWS, cluster=unit, seed=seed)
    notes += _floor(candidate, sample, schema, seed)
    modules = isinstance(model, nn.Module) and any(True for _ in model.children())
    # Where nothing breaks no layer does; of a group with reflections the rest says where, if turning is kept.
    broken = modules and error.mean > ROUNDING
    if not group.dim:
        layers, blame = _several(asked(layer_errors, group, _LAYER_ROWS)) if broken else _NOWHERE
        return GroupAudit(candidate.name, error, layers=layers, width=candidate.width, blame=blame)
    try:
        lie = asked(lie_error, group, _LIE_ROWS, cluster=unit[:_LIE_ROWS])
    except (DomainError, RuntimeError) as reason:  # numpy inside, or an operation without forward derivatives
        notes.append(f"No Lie errors: {str(reason).splitlines()[0]}.")
        return GroupAudit(candidate.name, error, width=candidate.width)
    generators = tuple(Generator(*pair) for pair in zip(group.generator_names, lie.generators, strict=True))
    layers, blame = _NOWHERE
    if broken and lie.total.mean < ROUNDING and len(tree.tree_leaves(group.discrete)[0]):
        layers, blame = _several(asked(layer_errors, group, _LAYER_ROWS, discrete=True))
    elif modules:
        layers, blame = _several(asked(layer_errors, group, _LAYER_ROWS))
    return GroupAudit(candidate.name, error, lie.total, generators, layers, candidate.width, blame)


def _floor(candidate: Candidate, sample: Sample, schema: Schema, seed: int) -> list[str]:
    """What interpolation does to images that a group warps."""
    if not any(isinstance(leaf, Field) for leaf in leaves(schema.x)):
        return []
    few = sample.take(slice(_LIE_ROWS))
    floor = interpolation_floor(candidate.measured, few.x, schema.x, seed=seed)
    said = f"{candidate.name} warps images: there and back they are {floor.mean:.2g} from themselves, in the same norm"
    return [f"{said}; errors of that size are interpolation."] if floor.mean > ROUNDING else []


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


def _headline(largest: GroupAudit | None, best: GroupAudit, broken: GroupAudit) -> str:
    if largest is not None:
        text = f"The largest group that holds is {largest.name}, {largest.verdict} (relative error {largest.error})."
    else:
        text = f"No group holds exactly. Closest to {best.name}: {best.verdict}, relative error {best.error}."
    if broken is not (largest or best) and broken.error.mean > ROUNDING:
        text += f" Furthest from {broken.name}: {broken.verdict}, {broken.error}."
        if broken.blame.where:
            text += f" It is lost in `{broken.blame.where}`"
            text += f", or in {', '.join(f'`{name}`' for name in broken.blame.others)}." if broken.blame.others else "."
    return text


def _label(layer: Layer) -> str:
    return f"{layer.name} ({layer.kind})" if layer.kind else layer.name


def _bar(label: str, error: Estimate) -> Bar:
    return Bar(label, error.mean, error.low, error.high)
