"""Where in a network does equivariance break? The error of the whole, split over its layers."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import jvp
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, IsotropyError
from isotropy.estimate import Estimate
from isotropy.groups import Draws, Group, parse
from isotropy.linalg import Segments
from isotropy.measure._blame import Blame, blamed
from isotropy.measure._defects import take
from isotropy.measure._error import equivariance_error
from isotropy.measure._lie import LieError, generators, lie_error, smooth
from isotropy.measure._sample import Sample
from isotropy.measure._watching import by_place, view_of
from isotropy.random import spawn
from isotropy.reps import Cloud, Field, Indexed, Pairs, Rep, Type, parse_type

_WIDEST = 1_024  # hidden features beyond which no action is fitted; the enclosing module stands for the layer
_KEPT = 1e-5  # of the size of outputs: what single precision leaves of a symmetry that is kept
_ELEMENTS = 9  # of a finite group, the identity among them: each costs two runs of the model for each layer


@dataclass(frozen=True)
class Layer:
    """What one module adds: ``error``, in the norm of the total, and ``share`` of all that is added, in [0, 1].

    ``kind`` is the class of the module; ``typed`` says whether it declares the type of its output, or a linear action
    was fitted to it.
    """

    name: str
    error: float
    share: float
    typed: bool
    kind: str = ""


@dataclass(frozen=True)
class LayerErrors:
    """The relative error of a model and what each of its layers adds to it, in the order in which they run.

    ``total`` is the Lie error of a continuous group, the equivariance error of a finite one. ``blame`` is the layer
    where the symmetry is lost, with those that cannot be told from it; empty where it is kept, and for images that move
    between their cells, of which only C(4) and its like tell so finely.
    """

    total: LieError | Estimate
    layers: tuple[Layer, ...]
    blame: Blame = Blame("")

    def worst(self) -> Layer:
        """The layer that adds most."""
        return max(self.layers, key=lambda layer: layer.error)


def layer_errors(
    model: nn.Module,
    group: Group | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    segments: Segments | None = None,
    discrete: bool = False,
) -> LayerErrors:
    """The error of a model on the rows of ``x``, and the part of it that enters at each layer.

    A *cut* is a module through whose output h everything flows (checked, not assumed: what the model does when x moves
    must pass through h alone). If the group acts on h by m, T(h) = D_{out<-h}[m(h)] - A_out f is what the rest of the
    network breaks; T before a layer minus T after it is what the layer adds, and all that is added sums to the Lie
    derivative of the model exactly, whatever m is. A module that declares ``rep_out`` gives m; for the others m is the
    affine field that fits best how h moves when x does (ridge regression, each half of the rows judged by the fit on
    the other; one for all points or pixels where h has them), or the action on outputs where all that follows keeps it:
    a layer is blamed only for what no linear action on its features can follow. Branches that are no cuts are counted
    with the module that joins them.

    Of a finite group, and with ``discrete`` of the components of any, the same holds for elements instead of
    generators: h is swapped for m_g(h), T(h) = out(m_g(h)) - g f(x), and the sum is f(g x) - g f(x), over the elements.

    Raises what ``lie_derivative`` and ``equivariance_error`` raise, DomainError for ``discrete`` on a connected group.
    Source: chain rule of Gruver et al. 2022, §4 (arXiv:2210.02984), with fitted hidden actions where none is known.

    >>> from isotropy.reps import Scalar, Vector
    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1))
    >>> found = layer_errors(net, "SO(2)", torch.randn(64, 2), Vector, Scalar)
    >>> [layer.name for layer in found.layers]
    ['0', '1', '2']
    """
    G, sample, out = parse(group), Sample(x, parse_type(rep_in), segments).checked(), parse_type(rep_out)
    with torch.no_grad():
        rates = bool(G.dim) and not discrete
        motion = _Rates(G, sample) if rates else _Elements(G, sample)
        question = lie_error if rates else equivariance_error
        total = question(model, G, x, sample.type, out, segments=segments)
        fields = _Fields(model, motion, sample, out)
        broken = fields.start
        layers: list[tuple[str, str, bool, Tensor]] = []
        for name, module in _in_order(model, sample):
            found = fields.after(module)
            if found is not None:
                after, typed = found
                layers.append((name, type(module).__name__, typed, broken - after))
                broken = after
        # What is broken after the last cut enters behind it, in the forward of the model itself.
        if bool(broken.abs().max() > 1e-6 * fields.size):
            layers.append(("(after the last layer)", "", True, broken))
        lost = float(fields.start.abs().max()) > _KEPT * fields.size
        # Whether a layer follows is told to a thousandth; between cells nothing is known so well.
        told = lost and not (rates and _interpolated(G, sample))
        blame = blamed(model, motion, sample, out, {name for name, *_ in layers}) if told else Blame("")
    energies = [float(added.square().sum()) for *_, added in layers]
    whole = sum(energies) or 1.0
    per_row = 2 * fields.size**2 * len(fields.rows) * (1 if rates else len(fields.start))
    return LayerErrors(
        total,
        tuple(
            Layer(name, (energy / per_row) ** 0.5, energy / whole, typed, kind)
            for (name, kind, typed, _), energy in zip(layers, energies, strict=True)
        ),
        blame,
    )


def _interpolated(group: Group, sample: Sample) -> bool:
    """Whether images of the sample move between their cells."""
    factor = group.factor("space")
    return factor is not None and bool(factor.dim) and any(isinstance(type_, Field) for type_, _ in sample.leaves)


def _in_order(model: nn.Module, sample: Sample) -> list[tuple[str, nn.Module]]:
    """Modules that run exactly once and give one tensor, in the order in which they end; the innermost names win."""
    names = {module: name for name, module in model.named_modules() if module is not model}
    ended: list[nn.Module] = []
    with ExitStack() as hooks:
        for module in names:
            hooks.enter_context(module.register_forward_hook(lambda one, _, __: ended.append(one)))
        sample.take(slice(2)).call(model)
    return [(names[module], module) for module in ended if ended.count(module) == 1]


class _Rates:
    """How values move along each generator."""

    def __init__(self, group: Group, sample: Sample) -> None:
        self.group, self.sample, self.directions = group, sample, generators(group)
        self.moves = [sample.out(sample.rates(group, A), sample.type).floats for A in self.directions]

    def of(self, f: Callable[..., Any]) -> list[Any]:
        """What f(x) does when x moves."""
        run, floats = smooth(f, self.sample)
        return [jvp(run, tuple(floats), tuple(move))[1] for move in self.moves]

    def carried(self, y: Sample) -> list[Any]:
        """What values of a known type do."""
        return [y.rates(self.group, A) for A in self.directions]

    def through(self, rest: Callable[[Tensor], Any], h: Tensor, w: Tensor) -> Any:
        """What ``rest(h)`` does when h moves as ``w`` says."""
        return jvp(rest, (h,), (w,))[1]

    def still(self, view: Indexed | None, h: Tensor) -> list[Tensor]:
        """h with its points or pixels moved, the values at them as they were."""
        return [h] * len(self.directions)

    def drift(self, view: Indexed | None, h: Tensor) -> list[Tensor]:
        """How h moves because its pixels do; what else it does is to be followed by a linear action."""
        if not isinstance(view, Field):
            return [torch.zeros_like(h)] * len(self.directions)
        return [view.rate(self.group, A, h) for A in self.directions]


class _Elements:
    """How values are moved by each of some elements; the methods are those of ``_Rates``."""

    def __init__(self, group: Group, sample: Sample) -> None:
        self.group, like = group, sample.floats[0]
        if group.finite:
            drawn = Draws.of(group, _ELEMENTS).take(1, spawn(0, "layer elements"))
            g = tree.tree_map(lambda part: part[0, drawn.complete :], drawn.g)
        else:
            g = group.discrete
        count = len(tree.tree_leaves(g)[0])
        if not count:
            raise DomainError(
                f"{group}, which is connected", "a finite group, or one with reflections", "discrete=False"
            )

        def placed(part: Tensor) -> Tensor:
            part = part.to(like) if part.is_floating_point() else part.to(like.device)
            return part.expand(len(sample), *part.shape)

        self.elements = [tree.tree_map(placed, take(g, a)) for a in range(count)]
        self.moved = [sample.moved(group, g) for g in self.elements]

    def of(self, f: Callable[..., Any]) -> list[Any]:
        return [one.call(f) for one in self.moved]

    def carried(self, y: Sample) -> list[Any]:
        return [y.moved(self.group, g).x for g in self.elements]

    def through(self, rest: Callable[[Tensor], Any], h: Tensor, w: Tensor) -> Any:
        return rest(w)

    def still(self, view: Indexed | None, h: Tensor) -> list[Tensor]:
        return [h if view is None else view.act(self.group, g, h) for g in self.elements]

    def drift(self, view: Indexed | None, h: Tensor) -> list[Tensor]:
        """Nothing: ``still`` has moved the pixels."""
        return [torch.zeros_like(h)] * len(self.elements)


_Motion = _Rates | _Elements


class _Fields:
    """What the model does through the output of one module, for all generators or elements at once, flattened."""

    def __init__(self, model: nn.Module, motion: _Motion, sample: Sample, rep_out: Type) -> None:
        self.model, self.motion, self.sample = model, motion, sample
        self.y = sample.out(sample.call(model), rep_out)
        self.rows = self.y.norm()
        self.size = float(self.rows.square().mean().sqrt())
        self.out = torch.stack([_flat(part) for part in motion.carried(self.y)])
        self.flow = torch.stack([_flat(part) for part in motion.of(model)])
        self.start = self.flow - self.out
        self.seen: Tensor | None = None

    def after(self, module: nn.Module) -> tuple[Tensor, bool] | None:
        """What the rest of the model breaks, (k, rows, m), and whether the type of the output is declared.

        None where the module is no cut, gives no rows, repeats the cut before it, or is too wide to fit.
        """
        h = self.sample.call(_output(self.model, module))
        lengths = (len(self.rows), None if self.sample.segments is None else len(self.sample.segments.label))
        if not isinstance(h, Tensor) or not h.is_floating_point() or h.ndim < 2 or len(h) not in lengths:
            return None
        if self.seen is not None and self.seen.shape == h.shape and torch.equal(self.seen, h):
            return None
        y = self.y.x
        if isinstance(y, Tensor) and len(y) == len(h) and torch.equal(y.flatten(1), h.flatten(1)):
            self.seen = h  # the output already, but for its shape
            return torch.zeros_like(self.out), True
        declared = getattr(module, "rep_out", None)
        typed = isinstance(declared, Rep | Indexed)
        view = None if typed else view_of(self.motion, self.sample, h)
        if not typed and by_place(view, h).shape[1] > _WIDEST:
            return None
        pushed = self.motion.of(_output(self.model, module))
        flow = self._through(module, h, pushed)
        if bool((flow - self.flow).abs().max() > 1e-4 * self.flow.abs().max().clamp(min=1e-12 * self.size)):
            return None
        self.seen = h
        if typed:
            fields = self.motion.carried(self.sample.out(h, declared))
        elif self._as_output(view, module, h):
            return torch.zeros_like(self.out), False
        else:
            still, drift = self.motion.still(view, h), self.motion.drift(view, h)
            each = zip(still, pushed, drift, strict=True)
            fields = [self._fitted(view, rest, w - moved) + moved for rest, w, moved in each]
        return self._through(module, h, fields) - self.out, typed

    def _as_output(self, view: Indexed | None, module: nn.Module, h: Tensor) -> bool:
        """Whether h may move as outputs do: then all that follows, a mean over points say, keeps the symmetry."""
        type_, sets = self.y.type, self.sample.segments
        rep = type_ if isinstance(type_, Rep) else getattr(type_, "rep", None)
        if not isinstance(rep, Rep):
            return False
        flat = sets is not None and len(h) != sets.count
        kind = Cloud if flat or isinstance(view, Cloud) else type(view) if isinstance(view, Pairs | Field) else None
        if kind in (Cloud, Pairs) and h.ndim != (4 if kind is Pairs else 3 - flat):
            return False
        try:
            fields = self.motion.carried(self.sample.out(h, rep if kind is None else kind(rep)))
        except IsotropyError:  # h has another number of features
            return False
        broken = self._through(module, h, fields) - self.out
        return bool(broken.abs().max() <= 1e-5 * self.size)

    def _through(self, module: nn.Module, h: Tensor, fields: list[Tensor]) -> Tensor:
        """What the model does when the output h of ``module`` moves as each of ``fields`` says and x rests."""

        def rest(z: Tensor) -> Any:
            return self.sample.call(_replaced(self.model, module, z))

        return torch.stack([_flat(self.motion.through(rest, h, w)) for w in fields])

    def _fitted(self, view: Indexed | None, h: Tensor, w: Tensor) -> Tensor:
        """The affine field that follows ``w`` (rows, ...) at ``h`` best, each half of the rows fitted on the other."""
        H, W = by_place(view, h).double(), by_place(view, w).double()
        field, sets = torch.empty_like(W), self.sample.segments
        row = torch.arange(len(h), device=h.device)
        row = sets.label if sets is not None and len(h) != sets.count else row
        even = (row % 2 == 0).repeat_interleave(len(H) // len(h))
        for own, other in ((even, ~even), (~even, even)):
            centre, mean = H[other].mean(0), W[other].mean(0)
            X = H[other] - centre
            gram = X.mT @ X
            ridge = 1e-3 * gram.diagonal().mean() + torch.finfo(H.dtype).tiny
            gram.diagonal().add_(ridge)
            map_ = torch.linalg.solve(gram, X.mT @ (W[other] - mean))
            field[own] = (H[own] - centre) @ map_ + mean
        if isinstance(view, Field):  # channels were brought to the end
            return field.reshape(w.movedim(1, -1).shape).movedim(-1, 1).to(w)
        return field.reshape(w.shape).to(w)


def _output(model: nn.Module, module: nn.Module) -> Callable[..., Any]:
    """What ``module`` gives while the model runs; copied, since the next module may write into it."""

    def run(*args: Any, **named: Any) -> Any:
        found: list[Any] = []
        with module.register_forward_hook(
            lambda _, __, out: found.append(out.clone() if isinstance(out, Tensor) else out)
        ):
            model(*args, **named)
        return found[0]

    return run


def _replaced(model: nn.Module, module: nn.Module, h: Tensor) -> Callable[..., Any]:
    """The model when ``module`` gives h, whatever it gets."""

    def run(*args: Any, **named: Any) -> Any:
        with module.register_forward_hook(lambda *_: h.clone()):
            return model(*args, **named)

    return run


def _flat(y: Any) -> Float[Tensor, "rows m"]:
    return torch.cat([part.flatten(1).double() for part in tree.tree_leaves(y)], 1)
