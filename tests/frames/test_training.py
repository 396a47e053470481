"""The wrapper in training: batch statistics, checkpoints, draws, half precision, compiled and functional gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from isotropy.errors import DomainError, NonDeterministicError
from isotropy.frames import CanonicalizerFrame, FrameAveraged, HaarFrame, PCAFrame, ProbabilisticFrame
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Scalar, Vector
from isotropy.reps import Tensor as T


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=spawn(0, *shape), dtype=torch.float64)


class Pooled(nn.Module):
    def __init__(self, norm: bool = False) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 16), nn.Linear(16, 3)
        self.norm = nn.BatchNorm1d(16) if norm else nn.Identity()
        with torch.no_grad():
            for i, part in enumerate(self.parameters()):
                part.copy_(torch.randn(part.shape, generator=spawn(1, i)) / 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(torch.tanh(self.first(x)).mean(1)))


def wrapped(mode: str = "average", **settings: object) -> FrameAveraged:
    return FrameAveraged(Pooled().double(), PCAFrame("E(3)"), Cloud(Point), Vector, mode, **settings)  # type: ignore[arg-type]


def test_batch_norm_in_chunks_is_refused() -> None:
    x = draw(4, 6, 3)
    f = FrameAveraged(Pooled(norm=True).double(), PCAFrame("E(3)"), Cloud(Point), Vector, chunk=1)
    with pytest.raises(DomainError, match="batch norm in train mode"):
        f(x)
    whole = FrameAveraged(f.backbone, PCAFrame("E(3)"), Cloud(Point), Vector)
    whole(x).sum().backward()
    assert int(f.backbone.norm.num_batches_tracked) == 1  # type: ignore[union-attr, operator, arg-type]
    assert torch.allclose(f.eval()(x), whole.eval()(x), atol=1e-12)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_draws_the_same_again(reentrant: bool) -> None:
    """The gradient is that of the value, for several calls that run again in reverse order, epoch after epoch."""
    x = draw(3, 6, 3)
    plain, checked = wrapped("stochastic"), wrapped("stochastic")
    for _ in range(2):
        inputs = [x.clone().requires_grad_(), (2 * x).requires_grad_(), x.clone().requires_grad_()]
        grads: list[Tensor] = []
        for run in (plain, lambda z: checkpoint(checked, z, use_reentrant=reentrant)):
            terms = [run(z).square().sum() * (i + 1) for i, z in enumerate(inputs)]
            grads.append(torch.cat([g.flatten() for g in torch.autograd.grad(sum(terms), inputs)]) if not reentrant
                         else _backward(sum(terms), inputs))  # fmt: skip
        assert torch.allclose(*grads, atol=1e-12)
    assert int(plain.draws) == int(checked.draws) == 6


def _backward(loss: Tensor, inputs: list[Tensor]) -> Tensor:
    for part in inputs:
        part.grad = None
    loss.backward()
    return torch.cat([part.grad.flatten() for part in inputs if part.grad is not None])


def test_a_checkpoint_over_a_learned_distribution_draws_the_same_again() -> None:
    x = draw(3, 6, 3)
    frames = [ProbabilisticFrame("E(3)", 2).double() for _ in range(2)]
    frames[1].load_state_dict(frames[0].state_dict())
    plain, checked = (FrameAveraged(Pooled().double(), frame, Cloud(Point), Vector) for frame in frames)
    grads: list[Tensor] = []
    for run in (plain, lambda z: checkpoint(checked, z, use_reentrant=False)):
        z = x.clone().requires_grad_()
        grads.append(torch.autograd.grad(run(z).square().sum(), z)[0])
    assert torch.allclose(*grads, atol=1e-12)


def test_a_checkpoint_with_other_inputs_is_told() -> None:
    f, calls = wrapped("stochastic"), iter([1.0, 2.0])
    z = draw(3, 6, 3).requires_grad_()
    y = checkpoint(lambda v: f(v * next(calls)), z, use_reentrant=False)
    with pytest.raises(NonDeterministicError, match="other inputs"):
        y.sum().backward()


def test_draws_of_the_library_converge_as_the_root_of_their_number() -> None:
    """Specification 03 §5.7, by mode="stochastic": rows of one cloud draw for themselves; slope -0.5 +- 0.1."""
    cloud = draw(1, 6, 3)
    f = FrameAveraged(Pooled().double(), PCAFrame("E(3)"), Cloud(Point), Vector, "stochastic")
    with torch.no_grad():
        exact = f.eval()(cloud)
        f.train()
        counts, errors = [4, 16, 64, 256], list[float]()
        for count in counts:
            y = f(cloud.expand(200 * count, -1, -1)).view(200, count, 3)
            errors.append(float((y.mean(1) - exact).square().mean().sqrt()))
    logs = torch.tensor([counts, errors], dtype=torch.float64).log()
    centred = logs - logs.mean(1, keepdim=True)
    assert float(centred[0] @ centred[1] / (centred[0] @ centred[0])) == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("frame", [PCAFrame("E(3)"), CanonicalizerFrame("E(3)"), HaarFrame("E(3)", 4)], ids=str)
def test_autocast_reaches_the_backbone_only(frame: object) -> None:
    x = draw(3, 6, 3).float()
    seen: list[torch.dtype] = []
    net = Pooled()

    def backbone(v: Tensor) -> Tensor:
        y = net(v)
        seen.append(y.dtype)
        return y

    f = FrameAveraged(backbone, frame, Cloud(Point), Vector)  # type: ignore[arg-type]
    exact = f(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = f(x)
        before = f(nn.Linear(3, 3)(x))
    assert seen == [torch.float32, torch.bfloat16, torch.bfloat16]
    assert y.dtype == before.dtype == torch.float32
    assert torch.allclose(y, exact, atol=5e-2)
    y.sum().backward()
    half = FrameAveraged(lambda v: v.bfloat16().sum(1), frame, Cloud(Point), Vector)(x)  # type: ignore[arg-type]
    assert half.dtype == torch.float32


def test_a_compiled_backbone_inside_and_functional_gradients() -> None:
    x, f = draw(3, 6, 3), wrapped()
    compiled = FrameAveraged(
        torch.compile(f.backbone, backend="eager"), PCAFrame("E(3)"), Cloud(Point), Vector  # type: ignore[arg-type]
    )  # fmt: skip
    assert torch.allclose(f(x), compiled(x), atol=1e-12)
    z = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(f(z).square().sum(), z)
    assert torch.allclose(torch.func.grad(lambda v: f(v).square().sum())(x), wanted, atol=1e-12)


def test_unknown_modes_and_high_ranks() -> None:
    with pytest.raises((DomainError, TypeError), match="'mean'"):
        wrapped("mean")
    flat = FrameAveraged(lambda x: x.sum((1, 2))[:, None].expand(-1, 64), PCAFrame("E(4)"), Cloud(Point), T(3))
    with pytest.raises(ValueError, match="rank 3"):
        flat(torch.zeros(1, 2, 4))
    assert FrameAveraged(lambda x: x[:, 0, :1], HaarFrame("SO(3)", 2), Cloud(Vector), Scalar)(draw(2, 2, 3)).shape == (
        2,
        1,
    )
