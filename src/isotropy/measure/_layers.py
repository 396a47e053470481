"""Where in a network does equivariance break? The Lie derivative of the whole, split over its layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import jvp
from torch.utils import _pytree as tree

from isotropy.groups import Group, parse
from isotropy.measure._defects import call, check_rows, row_norm, take
from isotropy.measure._lie import LieError, generators, lie_error
from isotropy.reps import Rep, Type, parse_type, tangent

_WIDEST = 1_024  # hidden features beyond which no action is fitted; the enclosing module stands for the layer


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
    """The relative Lie error of a model and what each of its layers adds to it, in the order in which they run."""

    total: LieError
    layers: tuple[Layer, ...]

    def worst(self) -> Layer:
        """The layer that adds most."""
        return max(self.layers, key=lambda layer: layer.error)


def layer_errors(
    model: nn.Module, group: Group | str, x: Any, rep_in: Type | str = None, rep_out: Type | str = None
) -> LayerErrors:
    """The Lie error of a model on the rows of ``x``, and the part of it that enters at each layer.

    A *cut* is a module through whose output h everything flows (checked, not assumed: the derivative of the model
    along x must pass through h alone). If the group acts on h by the field m(h), T(h) = D_{out<-h}[m(h)] - A_out f
    is what the rest of the network breaks; T before a layer minus T after it is what the layer adds, and all that is
    added sums to the Lie derivative of the model exactly, whatever m is. A module that declares ``rep_out`` gives m;
    for the others m is the affine field that fits best how h moves when x does (ridge regression, each half of the
    rows judged by the fit on the other), so a layer is blamed only for what no linear action on its features can
    follow. Branches that are no cuts are counted with the module that joins them.

    Raises what ``lie_derivative`` raises.
    Source: chain rule of Gruver et al. 2022, §4 (arXiv:2210.02984), with fitted hidden actions where none is known.

    >>> from isotropy.reps import Scalar, Vector
    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1))
    >>> found = layer_errors(net, "SO(2)", torch.randn(64, 2), Vector, Scalar)
    >>> [layer.name for layer in found.layers]
    ['0', '1', '2']
    """
    G, rep_in, rep_out = parse(group), parse_type(rep_in), parse_type(rep_out)
    check_rows(x)
    with torch.no_grad():
        total = lie_error(model, G, x, rep_in, rep_out)
        fields = _Fields(model, G, x, rep_in, rep_out)
        broken = fields.start
        layers: list[tuple[str, str, bool, Tensor]] = []
        for name, module in _in_order(model, x):
            found = fields.after(module)
            if found is not None:
                after, typed = found
                layers.append((name, type(module).__name__, typed, broken - after))
                broken = after
        # What is broken after the last cut enters behind it, in the forward of the model itself.
        if bool(broken.abs().max() > 1e-6 * fields.size):
            layers.append(("(after the last layer)", "", True, broken))
    energies = [float(added.square().sum()) for *_, added in layers]
    whole = sum(energies) or 1.0
    per_row = 2 * fields.size**2 * len(fields.rows)
    return LayerErrors(
        total,
        tuple(
            Layer(name, (energy / per_row) ** 0.5, energy / whole, typed, kind)
            for (name, kind, typed, _), energy in zip(layers, energies, strict=True)
        ),
    )


def _in_order(model: nn.Module, x: Any) -> list[tuple[str, nn.Module]]:
    """Modules that run exactly once and give one tensor, in the order in which they end; the innermost names win."""
    names = {module: name for name, module in model.named_modules() if module is not model}
    ended: list[nn.Module] = []

    def note(module: nn.Module, _: Any, __: Any) -> None:
        ended.append(module)

    hooks = [module.register_forward_hook(note) for module in names]
    try:
        call(model, take(x, slice(2)))
    finally:
        for hook in hooks:
            hook.remove()
    return [(names[module], module) for module in ended if ended.count(module) == 1]


class _Fields:
    """Derivatives of the model through the output of one module, for all generators at once, flattened."""

    def __init__(self, model: nn.Module, group: Group, x: Any, rep_in: Type, rep_out: Type) -> None:
        self.model, self.group, self.x = model, group, x
        self.directions = generators(group)
        self.moved = [tangent(rep_in, group, A, x) for A in self.directions]
        self.y = y = call(model, x)
        self.rows = row_norm(y)
        self.size = float(self.rows.square().mean().sqrt())
        self.out = torch.stack([_flat(tangent(rep_out, group, A, y)) for A in self.directions])
        self.flow = torch.stack([_flat(jvp(lambda z: call(model, z), (x,), (v,))[1]) for v in self.moved])
        self.start = self.flow - self.out
        self.seen: Tensor | None = None

    def after(self, module: nn.Module) -> tuple[Tensor, bool] | None:
        """What the rest of the model breaks, (k, rows, m), and whether the type of the output is declared.

        None where the module is no cut, gives no rows, repeats the cut before it, or is too wide to fit.
        """
        h = _output(self.model, module, self.x)
        if not isinstance(h, Tensor) or not h.is_floating_point() or h.ndim < 2 or len(h) != len(self.rows):
            return None
        if self.seen is not None and self.seen.shape == h.shape and torch.equal(self.seen, h):
            return None
        if isinstance(self.y, Tensor) and self.y.shape == h.shape and torch.equal(self.y, h):
            self.seen = h
            return torch.zeros_like(self.out), True
        declared = getattr(module, "rep_out", None)
        if not isinstance(declared, Rep) and h[0].numel() > _WIDEST:
            return None
        pushed = [jvp(lambda z: _output(self.model, module, z), (self.x,), (v,))[1] for v in self.moved]
        flow = self._through(module, h, pushed)
        if bool((flow - self.flow).abs().max() > 1e-4 * self.flow.abs().max().clamp(min=1e-12 * self.size)):
            return None
        self.seen = h
        if isinstance(declared, Rep):
            fields = [tangent(declared, self.group, A, h) for A in self.directions]
        else:
            fields = [_fitted(h, w) for w in pushed]
        return self._through(module, h, fields) - self.out, isinstance(declared, Rep)

    def _through(self, module: nn.Module, h: Tensor, fields: list[Tensor]) -> Tensor:
        """The derivatives of the model when the output h of ``module`` moves along each field and x rests."""

        def rest(z: Tensor) -> Any:
            return _replaced(self.model, module, self.x, z)

        return torch.stack([_flat(jvp(rest, (h,), (w,))[1]) for w in fields])


def _output(model: nn.Module, module: nn.Module, x: Any) -> Any:
    """What ``module`` gives while the model runs on x; copied, since the next module may write into it."""
    found: list[Any] = []
    hook = module.register_forward_hook(
        lambda _, __, out: found.append(out.clone() if isinstance(out, Tensor) else out)
    )
    try:
        call(model, x)
    finally:
        hook.remove()
    return found[0]


def _replaced(model: nn.Module, module: nn.Module, x: Any, h: Tensor) -> Any:
    """The output of the model when ``module`` gives h, whatever it gets."""
    hook = module.register_forward_hook(lambda *_: h.clone())
    try:
        return call(model, x)
    finally:
        hook.remove()


def _fitted(h: Tensor, w: Tensor) -> Tensor:
    """The affine field that follows ``w`` (rows, ...) at ``h`` best, each half of the rows fitted on the other."""
    H, W = _flat(h), _flat(w)
    field = torch.empty_like(W)
    even = torch.arange(len(H), device=H.device) % 2 == 0
    for own, other in ((even, ~even), (~even, even)):
        centre, mean = H[other].mean(0), W[other].mean(0)
        X = H[other] - centre
        gram = X.mT @ X
        ridge = 1e-3 * gram.diagonal().mean() + torch.finfo(H.dtype).tiny
        gram.diagonal().add_(ridge)
        map_ = torch.linalg.solve(gram, X.mT @ (W[other] - mean))
        field[own] = (H[own] - centre) @ map_ + mean
    return field.reshape(w.shape).to(w)


def _flat(y: Any) -> Float[Tensor, "rows m"]:
    return torch.cat([part.flatten(1).double() for part in tree.tree_leaves(y)], 1)
