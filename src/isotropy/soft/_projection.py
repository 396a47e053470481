"""Penalties on weights: how far they stand from equivariance, for several groups at once; residual pathways; gates."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups import Group
from isotropy.nn import GatedNonlinearity
from isotropy.nn.parts import size
from isotropy.reps import Rep, Scalar
from isotropy.soft._complement import Complement, TypedLayer
from isotropy.soft._layers import SoftLinear, parse_groups

Distance = Literal["mse", "log", "cosine"]


class ProjectionPenalty:
    """``penalty(model, batch, generator) -> (J,)``: squared distances of weights from equivariant ones.

    Reads the ``SoftLinear`` layers of ``model``, or of any module the ones named in ``layers`` with their types
    ``(rep_in, rep_out)``. Over all layers, biases included, with c_j the dimension of complement j:
    ``"mse"`` is ``sum |W - P_j W|^2 / c_j`` (``normalised=False``: the paper's ``sum 1/2 |W - P_j W|^2``), ``"log"``
    its logarithm, ``"cosine"`` the mean over weights of ``1 - <W, P_j W> / |W| |P_j W|``. A group that allows every
    weight has penalty 0. Batch and generator are not looked at. Source: Kim et al., ICML 2023; §2.2, §2.5 b.

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Vector
    >>> layer = SoftLinear(Vector, Vector, ["SO(3)", "O(2)@z"], generator=spawn(0, "layer"))
    >>> penalty = ProjectionPenalty(layer)
    >>> penalty.names, torch.allclose(penalty(layer), layer.penalty())
    (('SO(3)', 'O(2)@z'), True)
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Mapping[str, tuple[Rep, Rep]] | None = None,
        groups: Sequence[Group | str] | None = None,
        *,
        normalised: bool = True,
        distance: Distance = "mse",
    ) -> None:
        if layers is None:
            layers, found = soft_layers(model)
            groups = found if groups is None else groups
        if groups is None:
            raise DomainError("layers without groups", "the candidate groups", "write groups=[...]")
        self.groups = parse_groups(groups)
        self.names = tuple(str(group) for group in self.groups)
        self.layers = dict(layers)
        self.normalised, self.distance = normalised, distance
        self.described = [self._describe(model, name) for name in self.layers]
        self.complement = Complement(self.described, self.groups)
        self._apart = (
            [Complement([one], self.groups) for one in _tensors(self.described)] if distance == "cosine" else []
        )

    def __call__(self, model: nn.Module, batch: Any = None, generator: Generator | None = None) -> Float[Tensor, " J"]:
        weights = self.weights(model)
        if self.distance == "cosine":
            return torch.stack([_cosine(c, w) for c, w in zip(self._apart, weights, strict=True)]).mean(0)
        squares = self.complement.squares(weights)
        values = squares * self.scale.to(squares) / 2
        return values if self.distance == "mse" else torch.log(values + torch.finfo(values.dtype).tiny)

    def weighted(self, model: nn.Module, multiplier: Float[Tensor, " J"]) -> Float[Tensor, ""]:
        """``sum_j multiplier_j penalty_j`` at a third of the cost of the single penalties; differentiable once."""
        if self.distance != "mse":
            return self._summed(model, multiplier)
        return self.complement.weighted(self.weights(model), multiplier * self.scale)

    def _summed(self, model: nn.Module, multiplier: Float[Tensor, " J"]) -> Float[Tensor, ""]:
        values = self(model)
        return (multiplier.to(values) * values).sum()

    @functools.cached_property
    def scale(self) -> Float[Tensor, " J"]:
        """The gradient of the ``"mse"`` penalty of group j is ``scale_j (W - P_j W)``."""
        dims = self.complement.dims.to(torch.float64)
        return 2 / dims.clamp(min=1) if self.normalised else torch.ones_like(dims)

    def parameters(self, model: nn.Module) -> list[Tensor]:
        """The penalised weights and biases of ``model`` as they are stored, layer by layer."""
        return [tensor for name in self.layers for tensor in _parameters(model, name) if tensor is not None]

    def weights(self, model: nn.Module) -> list[Tensor]:
        """The same as matrices (n_out, n_in) and biases (n_out,): kernels of convolutions flattened."""
        return [tensor.flatten(1) if tensor.dim() > 2 else tensor for tensor in self.parameters(model)]

    @torch.no_grad()
    def decay(self, model: nn.Module, amounts: Float[Tensor, " J"]) -> None:
        """The decoupled step ``W <- W - sum_j amounts_j scale_j (W - P_j W)``, never past a subspace (§2.7)."""
        if self.distance != "mse":
            raise DomainError(f"a decoupled step of distance {self.distance!r}", "'mse'")
        weights = self.weights(model)
        steps = (amounts * self.scale).clamp(max=1.0)
        for weight, residual in zip(weights, self.complement.residuals(weights, steps), strict=True):
            weight.sub_(residual)

    def _describe(self, model: nn.Module, name: str) -> TypedLayer:
        weight, bias = _parameters(model, name)
        rep_in, rep_out = self.layers[name]
        given, expected = tuple(weight.flatten(1).shape), (size(rep_out, self.groups), size(rep_in, self.groups))
        if given != expected:
            raise ShapeError(
                f"the weight of {name or 'the model'} of shape {given}",
                f"{expected}: {rep_out} from {rep_in}",
                "correct the types of this layer",
            )
        return TypedLayer(rep_in, rep_out, bias is not None)


def attach(
    model: nn.Module,
    layers: Mapping[str, tuple[Rep, Rep]],
    groups: Sequence[Group | str],
    *,
    normalised: bool = True,
    distance: Distance = "mse",
) -> ProjectionPenalty:
    """The projection penalty of any module: ``layers`` names its linear layers and says their types.

    Weights are ``(n_out, n_in)``; a convolution kernel ``(C_out, C_in, h, w)`` is a map from ``C_in * Pixels(h, w)`` to
    ``C_out * Scalar``. The module itself stays as it is. Raises ``ShapeError`` where a type and a weight do not fit.

    >>> from isotropy.reps import Scalar, Vector
    >>> model = nn.Sequential(nn.Linear(6, 8), nn.SiLU(), nn.Linear(8, 3))
    >>> hidden = 2 * Scalar + 2 * Vector
    >>> attach(model, {"0": (2 * Vector, hidden), "2": (hidden, Vector)}, ["O(3)"])(model).shape
    torch.Size([1])
    """
    return ProjectionPenalty(model, layers, groups, normalised=normalised, distance=distance)


def soft_layers(model: nn.Module) -> tuple[dict[str, tuple[Rep, Rep]], tuple[Group, ...]]:
    """The ``SoftLinear`` layers of a model by name with their types, and the groups they share."""
    found = {name: module for name, module in model.named_modules() if isinstance(module, SoftLinear)}
    groups = {module.groups for module in found.values()}
    if len(groups) != 1:
        raise DomainError(
            f"a model with {counted(len(found), 'SoftLinear layer')} and {counted(len(groups), 'list')} of groups",
            "SoftLinear layers that share their groups",
            "use SoftMLP or SoftEMLP, or name the layers of another model in attach(...)",
        )
    return {name: (module.rep_in, module.rep_out) for name, module in found.items()}, groups.pop()


def unwrap(model: nn.Module) -> nn.Module:
    """The user's module under wrappers for distributed, mixed-precision or compiled training."""
    for attribute in ("_orig_mod", "module"):
        inner = getattr(model, attribute, None)
        if isinstance(inner, nn.Module) and len(list(model.children())) == 1:
            return unwrap(inner)
    return model


def _parameters(model: nn.Module, name: str) -> tuple[Tensor, Tensor | None]:
    try:
        module = model.get_submodule(name)
    except AttributeError:
        module = unwrap(model).get_submodule(name)
    return module.get_parameter("weight"), getattr(module, "bias", None)


def _tensors(layers: Sequence[TypedLayer]) -> Iterator[TypedLayer]:
    """One layer for each weight and one for each bias."""
    for layer in layers:
        yield TypedLayer(layer.rep_in, layer.rep_out, bias=False)
        if layer.bias:
            yield TypedLayer(Scalar, layer.rep_out, bias=False)


def _cosine(complement: Complement, weight: Tensor) -> Float[Tensor, " J"]:
    """``1 - cos`` of the angle between a weight and its projections: ``<W, P W> = |P W|^2``."""
    eye = torch.eye(len(complement.groups))
    parts = torch.stack([weight - complement.residuals([weight], amounts)[0] for amounts in eye])
    norm = torch.linalg.vector_norm(weight).clamp(min=torch.finfo(weight.dtype).tiny)
    return 1 - torch.linalg.vector_norm(parts.flatten(1), dim=1) / norm


class ResidualPathwayPenalty(ProjectionPenalty):
    """``penalty(model, batch, generator) -> (J,)``: the prior of a residual pathway on the merged weights.

    A residual pathway is ``W = P_j w_e + w_b`` with the cost ``a |w_e|^2 + b |w_b|^2``; the cheapest split of a given W
    costs ``a b / (a + b) |P_j W|^2 + b |W - P_j W|^2``, which is this penalty, with ``a = equivariant`` and
    ``b = residual``: two precisions on one weight instead of two weights (§2.8).
    Source: Finzi, Benton, Wilson, NeurIPS 2021; their ``equiv_wd`` and ``basic_wd``.

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Vector
    >>> from isotropy.soft import SoftLinear
    >>> layer = SoftLinear(Vector, Vector, ["O(3)"], generator=spawn(0, "layer"))
    >>> whole = ResidualPathwayPenalty(layer, equivariant=1e30, residual=1.0)  # one price for all
    >>> torch.allclose(whole(layer), layer.weight.square().sum() + layer.bias.square().sum())
    True
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Mapping[str, tuple[Rep, Rep]] | None = None,
        groups: Sequence[Group | str] | None = None,
        *,
        equivariant: float = 1e-5,
        residual: float = 1.0,
    ) -> None:
        super().__init__(model, layers, groups, normalised=False)
        if not (equivariant > 0 and residual > 0):
            raise DomainError(f"equivariant={equivariant}, residual={residual}", "two positive precisions")
        self.inside = equivariant * residual / (equivariant + residual)
        self.outside = residual

    def __call__(self, model: nn.Module, batch: Any = None, generator: Generator | None = None) -> Float[Tensor, " J"]:
        weights = self.weights(model)
        whole = torch.stack([weight.square().sum() for weight in weights]).sum()
        return self.inside * whole + (self.outside - self.inside) * self.complement.squares(weights)

    def weighted(self, model: nn.Module, multiplier: Float[Tensor, " J"]) -> Float[Tensor, ""]:
        return self._summed(model, multiplier)

    @torch.no_grad()
    def decay(self, model: nn.Module, amounts: Float[Tensor, " J"]) -> None:
        """The decoupled step of this prior: both parts shrink, each by its own precision, never past zero."""
        weights = self.weights(model)
        inside = float((2 * self.inside * amounts.sum()).clamp(max=1.0))
        steps = (2 * (self.outside - self.inside) * amounts).clamp(max=1.0 - inside)
        for weight, residual in zip(weights, self.complement.residuals(weights, steps), strict=True):
            weight.sub_(residual + inside * weight)


class GateLeakPenalty:
    """``penalty(model, batch, generator) -> (1,)``: ``sum |w|^2`` of the elementwise leak of all gates (§2.2, §2.3).

    >>> from isotropy.reps import Vector
    >>> gate = GatedNonlinearity(Vector, "O(3)", leak=0.1)
    >>> [round(value, 6) for value in GateLeakPenalty()(gate).tolist()]
    [0.03]
    """

    names = ("gate leak",)

    def __call__(self, model: nn.Module, batch: Any = None, generator: Generator | None = None) -> Float[Tensor, " 1"]:
        leaks = [module.leak for module in model.modules() if isinstance(module, GatedNonlinearity)]
        squares = [leak.square().sum() for leak in leaks if leak is not None]
        if not squares:
            raise DomainError("a model without leaking gates", "gates with leak=", "leave this penalty out")
        return torch.stack(squares).sum().reshape(1)
