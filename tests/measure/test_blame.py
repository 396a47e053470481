"""Which layer is blamed, and among which: networks that are exact but for one defect, each of another kind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isotropy.measure import layer_errors

TILT = torch.tensor([0.3, -0.7, 0.5])
AXES = torch.tensor([1.0, 1.3, 0.8])


def rows(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


class Kernel(nn.Module):
    """A convolution that quarter turns keep, or, ``crooked``, do not."""

    def __init__(self, i: int, o: int, crooked: bool = False) -> None:
        super().__init__()
        w = torch.randn(o, i, 3, 3)
        self.w = sum(torch.rot90(w, k, (2, 3)) for k in range(4)) / (9 * i) ** 0.5
        if crooked:
            self.w[:, :, 2] *= 0.7

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.w, padding=1)


class Lifted(nn.Module):
    """The four turns of a kernel as four channels, which a quarter turn permutes: exact, and no scalars."""

    def __init__(self) -> None:
        super().__init__()
        w = torch.randn(1, 1, 3, 3)
        self.w = torch.cat([torch.rot90(w, k, (2, 3)) for k in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.w, padding=1)


class Pool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)).sum(1, keepdim=True)


@pytest.mark.parametrize("culprit", ["0", "1", "3"])
def test_convolutions(culprit: str) -> None:
    torch.manual_seed(0)
    layers = [
        Kernel(1, 3, culprit == "0"), Kernel(3, 1, culprit == "1"), nn.Tanh(), Kernel(1, 2, culprit == "3"),
        nn.Tanh(), Pool(),
    ]  # fmt: skip
    found = layer_errors(nn.Sequential(*layers), "C(4)", rows(40, 1, 6, 6), "Field(Scalar)", "Scalar").blame
    assert (found.layer, found.among) == (culprit, (culprit,))


def test_channels_that_a_turn_permutes_are_followed() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(Lifted(), nn.Tanh(), Kernel(4, 2, True), nn.Tanh(), Pool())
    found = layer_errors(model, "C(4)", rows(60, 1, 6, 6), "Field(Scalar)", "Scalar").blame
    # The crooked kernel reads the four channels alike, so that no choice of channels can excuse it.
    assert found.layer == "2"
    assert set(found.among) <= {"0", "1", "2"}


class Distances(nn.Module):
    """Points move along differences by what a perceptron says of distances, in which axes count unequally."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights
        self.m = nn.Sequential(nn.Linear(1, 8), nn.SiLU(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        d = x[:, :, None] - x[:, None]
        return x + (d * self.m((d.square() * self.weights).sum(-1, keepdim=True))).mean(2)


@pytest.mark.parametrize("culprit", [0, 1])
def test_the_forward_between_two_parts_is_blamed_and_not_the_part(culprit: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*[Distances(AXES if i == culprit else torch.ones(3)) for i in range(2)])
    found = layer_errors(model, "SO(3)", rows(80, 4, 3), "Cloud(Vector)", "Cloud(Vector)").blame
    assert (found.layer, found.before) == (str(culprit), f"{culprit}.m")
    assert found.where == f"{culprit}, before {culprit}.m"


class Whole(nn.Module):
    """The model's own forward breaks it, before its only part that is not invariant is called."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        v = x.unflatten(1, (-1, 3))
        return ((v + TILT) * self.gate(v.square().sum(-1))[:, None].sigmoid()).sum(1)


def test_where_no_layer_is_wrong_the_model_itself_is_named() -> None:
    torch.manual_seed(0)
    found = layer_errors(Whole(), "SO(3)", rows(80, 15), "5*Vector", "Vector").blame
    assert (found.layer, found.rule, found.where) == ("", "output", "the model itself")


class Mix(nn.Module):
    def __init__(self, i: int, o: int, shift: float = 0.0) -> None:
        super().__init__()
        self.w, self.shift = nn.Parameter(torch.randn(o, i) / i), shift

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("oi,nid->nod", self.w, x) + self.shift * TILT


class Dyads(nn.Module):
    """Products of vectors, whose last two axes both turn."""

    def forward(self, v: Tensor) -> Tensor:
        return v[..., :, None] * v[..., None, :]


class Through(nn.Module):
    """Exact layers whose features are no vectors by their shape alone, before one that is crooked."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.enter, self.inner, self.leave = Mix(4, 3), inner, Mix(3, 1, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(self.enter(x))
        return self.leave(torch.einsum("ncij,ncj->nci", h, self.enter(x)) if h.ndim == 4 else h)[:, 0]


def test_tensors_of_rank_two_are_no_loss() -> None:
    torch.manual_seed(0)
    found = layer_errors(Through(Dyads()), "SO(3)", rows(80, 4, 3), "Cloud(Vector)", "Vector").blame
    assert (found.layer, found.among) == ("leave", ("leave",))


class Weighed(nn.Module):
    """A weighted sum of points, by weights that do not add up to 1: neither a vector nor a point, and no loss."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = Mix(4, 3), Mix(3, 1, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        return self.leave(h - self.enter(x.mean(1, keepdim=True).expand_as(x)))[:, 0]


def test_weighted_sums_of_points_are_no_loss() -> None:
    torch.manual_seed(0)
    found = layer_errors(Weighed(), "SE(3)", rows(80, 4, 3), "Cloud(Point)", "Vector").blame
    assert (found.layer, found.among) == ("leave", ("leave",))


class Branches(nn.Module):
    """Two hidden rows of numbers side by side, of which one is exact; both flow on."""

    def __init__(self) -> None:
        super().__init__()
        self.mixed, self.lengths, self.joined = nn.Linear(6, 12), Lengths(), nn.Linear(14, 3)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.mixed(x)
        return self.joined(torch.cat([mixed, self.lengths(x)], 1))


class Lengths(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, 3)).norm(dim=-1)


def test_an_exact_branch_clears_itself_alone() -> None:
    torch.manual_seed(0)
    found = layer_errors(Branches(), "SO(3)", rows(200, 6), "2*Vector", "Vector").blame
    assert found.layer == "joined"
    assert found.among == ("mixed", "", "joined")  # "": the forward that joins them


class Edges(nn.Module):
    """The lengths of differences, in which axes may count unequally; one number for each edge, with whatever else."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, d: Tensor) -> tuple[Tensor, None]:
        return (d.square() * self.weights + 1e-3).sum(-1).sqrt(), None


class OfEdges(nn.Module):
    """Numbers of edges, rows of no cloud, summed up to one number for each cloud."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.edges, self.m = Edges(weights), nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        d = (x[:, :, None] - x[:, None]).flatten(0, 2)
        return self.m(self.edges(d)[0][:, None]).unflatten(0, (len(x), -1)).sum(1)


def test_numbers_of_edges_are_judged_too() -> None:
    torch.manual_seed(0)
    found = layer_errors(OfEdges(AXES), "SO(3)", rows(60, 4, 3), "Cloud(Vector)", "Scalar").blame
    assert (found.layer, found.among) == ("edges", ("edges",))


class Steps(nn.Module):
    """torch's own recurrence: steps first, then rows, and the last state as one of several outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRU(3, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cell(x.unflatten(1, (-1, 3)).transpose(0, 1))[1][0])


def test_a_part_of_what_a_layer_gave_is_that_layers() -> None:
    torch.manual_seed(0)
    found = layer_errors(Steps(), "SO(3)", rows(100, 12), "4*Vector", "Vector").blame
    assert (found.layer, found.among) == ("cell", ("cell",))
