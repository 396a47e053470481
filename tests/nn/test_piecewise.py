"""Networks whose cells are their own: what is certified of them, what changes nothing, and that they learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from frames.bodies import person
from frames.test_piecewise import all_shapes
from frames.test_piecewise import motions as moves
from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.frames import FrameAveraged, Partition, PCAFrame, piecewise_certificate
from isotropy.frames._batch_norm import counted_once
from isotropy.groups import SO, O
from isotropy.linalg import Segments
from isotropy.nn import PiecewiseClassifier, PiecewiseEncoder, PiecewiseSegmenter, part_targets, piecewise_loss
from isotropy.nn.piecewise._sizes import cell_sizes
from isotropy.nn.piecewise._standardised import Standardised
from isotropy.random import spawn
from isotropy.soft._invariance import untraced
from isotropy.train import Cosine, fit


def segmenter(group: str = "E(3)", **settings: Any) -> PiecewiseSegmenter:
    torch.manual_seed(0)
    made = PiecewiseSegmenter(11, group, k_local=4, **settings)
    return made.double().requires_grad_(False)


def body(n: int = 300, seed: int = 1) -> tuple[Tensor, Tensor]:
    views, truth = person(n, 1, seed)
    return views[0], truth


@pytest.mark.parametrize("group", ["E(3)", "SE(3)"])
def test_a_motion_of_the_whole_changes_nothing(group: str) -> None:
    x, _ = body()
    f = segmenter(group)
    R = (O(3) if group == "E(3)" else SO(3)).sample(1, generator=spawn(0, "R"), dtype=torch.float64)
    assert isinstance(R, Tensor)
    logits, cells, trace = f(x)
    moved, same, _ = f(x @ R[0].mT + 5.0)
    assert torch.allclose(moved, logits, atol=1e-8)
    assert all(torch.equal(a.labels, b.labels) for a, b in zip(cells, same, strict=True))
    assert len(cells) == len(trace.cells) + 1 == 4
    assert float(logits.std(0).min()) > 1e-5


def test_the_order_of_points_other_clouds_and_a_second_call_change_nothing() -> None:
    x, _ = body(160)
    y, _ = body(90, seed=2)
    f = segmenter()
    logits = f(x)[0]
    assert torch.equal(f(x)[0], logits), "two evaluations are bit-identical"
    order = torch.randperm(160, generator=spawn(0, "order"))
    assert torch.allclose(f(x[order])[0], logits[order], atol=1e-9)
    together = f(torch.cat([x, y]), segments=Segments(torch.tensor([0] * 160 + [1] * 90), 2))[0]
    assert torch.allclose(together, torch.cat([logits, f(y)[0]]), atol=1e-9)


def test_the_certificate_holds_for_the_whole_network_with_its_own_cells() -> None:
    x, truth = body(240)
    f = segmenter(cells=240, variances=(1e-6, 1e-6, 1e-6))
    R = torch.eye(3, dtype=torch.float64).repeat(11, 1, 1)
    small = [(R, 1e-3 * torch.randn(11, 3, generator=spawn(s, "t"), dtype=torch.float64)) for s in range(3)]
    for motions in (small, 3):
        found = piecewise_certificate(f, x, Partition(truth), motions)
        assert bool((found.measured <= found.bound).all())
        exact = found.error[:, found.exact]
        assert exact.numel() == 0 or float(exact.max()) < 1e-8
    assert found.told


def test_normals_are_used_and_asked_for() -> None:
    x, _ = body(100)
    normals = torch.nn.functional.normalize(torch.randn(100, 3, generator=spawn(0, "n"), dtype=torch.float64), dim=1)
    f = segmenter(normals=True)
    R = O(3).sample(1, generator=spawn(1, "R"), dtype=torch.float64)
    assert isinstance(R, Tensor)
    assert torch.allclose(f(x @ R[0].mT, normals @ R[0].mT)[0], f(x, normals)[0], atol=1e-8)
    assert not torch.allclose(f(x, normals)[0], f(x, -normals.roll(1, 0))[0], atol=1e-6)
    with pytest.raises(ShapeError, match="normals=None"):
        f(x)
    with pytest.raises(ShapeError, match="normals=given"):
        segmenter()(x, normals)


def test_a_classifier_sees_clouds_and_no_order_of_them() -> None:
    x, y = body(80)[0], body(120, seed=3)[0]
    torch.manual_seed(0)
    f = PiecewiseClassifier(5).double().requires_grad_(False).eval()
    both = f(torch.cat([x, y]), segments=Segments(torch.tensor([0] * 80 + [1] * 120), 2))[0]
    assert torch.allclose(both, torch.cat([f(x)[0], f(y)[0]]), atol=1e-9)


def toys(seed: int) -> Tensor:
    """A ball, a rod and a plate of 40 points each, every one turned by itself."""
    draw = spawn(0, "toys")
    ball = 0.2 * torch.nn.functional.normalize(torch.randn(40, 3, generator=draw), dim=1)
    rod = (torch.rand(40, 3, generator=draw) - 0.5) * torch.tensor([1.2, 0.06, 0.06])
    plate = (torch.rand(40, 3, generator=draw) - 0.5) * torch.tensor([0.7, 0.7, 0.02])
    R = SO(3).sample(3, generator=spawn(seed, "R"), dtype=torch.float32)
    assert isinstance(R, Tensor)
    centres = torch.tensor([[0.0, 0, 0], [0, 0.8, 0], [0.9, 0, 0.2]])
    return torch.cat([part @ R[k].mT + centres[k] for k, part in enumerate((ball, rod, plate))])


def test_a_small_set_is_learnt_in_seconds_and_holds_in_another_pose() -> None:
    """What the network is for, in fifty steps on one cloud; a third of the points is right by chance."""
    x, truth = toys(0), torch.arange(120) // 40
    targets = part_targets(x, truth)
    torch.manual_seed(0)
    f = PiecewiseSegmenter(3, k_local=6, cells=12)

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        logits, _, trace = model(batch[0])
        return piecewise_loss(logits, trace, targets, truth, weight=1.0)[None]

    adam = torch.optim.Adam(f.parameters(), lr=1e-2)
    fit(f, loss, [x[None]], optimizer=adam, schedule=Cosine(), max_epochs=50, progress=False)
    with torch.no_grad():
        assert float((f(x)[0].argmax(1) == truth).double().mean()) > 0.9
        assert float((f(toys(1))[0].argmax(1) == truth).double().mean()) > 0.85


def test_clouds_that_differ_a_little_are_told_apart_in_poses_never_seen() -> None:
    """Boxes a quarter longer each than the other; a third is right by chance. Their means over points differ by a few
    hundredths: without the mean and deviation of those seen in training, every one had the same name."""
    clouds, who = Segments.from_sizes(torch.full((6,), 60)), torch.arange(6) % 3

    def six(seed: int) -> Tensor:
        draw = spawn(seed, "boxes")
        R = SO(3).sample(6, generator=draw, dtype=torch.float32)
        assert isinstance(R, Tensor)
        sides = [torch.tensor([2.0 + 0.5 * (k % 3), 1.0, 0.5]) for k in range(6)]
        return torch.cat([((torch.rand(60, 3, generator=draw) - 0.5) * sides[k]) @ R[k].mT + k for k in range(6)])

    torch.manual_seed(0)
    f = PiecewiseClassifier(3, k_local=4, cells=1)

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(model(batch[0], segments=clouds)[0], who)[None]

    adam = torch.optim.Adam(f.parameters(), lr=1e-2)
    known = [six(seed)[None] for seed in range(10)]
    fit(f, loss, known, optimizer=adam, schedule=Cosine(), max_epochs=5, progress=False)
    f.eval()
    with torch.no_grad():
        said = torch.cat([f(six(100 + seed), segments=clouds)[0].argmax(1) for seed in range(5)])
        assert float((said == who.repeat(5)).double().mean()) > 0.8
        assert int(f(six(100)[:60])[0].argmax(1)) == int(said[0]), "no other cloud of a batch counts"


@pytest.mark.parametrize("group", ["E(3)", "SO(3)"])
def test_sizes_of_cells_of_every_shape_are_theirs_wherever_each_moves(group: str) -> None:
    """Along axes that are open there is one length: those of a cube that turns would be others each time."""
    x, cells = all_shapes()
    normals = torch.nn.functional.normalize(torch.randn(len(x), 3, generator=spawn(0, "n"), dtype=torch.float64), dim=1)
    R, t = moves(len(cells), group)
    y = (R[cells.labels] @ x[..., None])[..., 0] + t[cells.labels]
    turned = (R[cells.labels] @ normals[..., None])[..., 0]
    for given, there in ((None, None), (normals, turned)):
        found = cell_sizes(x, given, cells, group)
        assert torch.allclose(cell_sizes(y, there, cells, group), found, atol=1e-9)
    assert float(found[:, 6:].square().sum(1).sub(1).abs().max()) < 1e-9, "shares of unit vectors"
    alone = cells.rows(12)
    values = torch.linalg.eigvalsh(torch.cov(x[alone].T, correction=0)).flip(0).sqrt()
    if group == "E(3)":
        assert torch.allclose(cell_sizes(x, None, cells)[12, :3], values, atol=1e-9)


def test_what_is_standardised_is_what_was_seen() -> None:
    norm = Standardised(2, memory=1000)
    draw = spawn(0, "norm")
    seen = torch.randn(50, 3, 2, generator=draw, dtype=torch.float64) * torch.tensor([0.01, 3.0]) + 5
    norm = norm.double()
    for batch in seen:
        norm(batch)
    norm.eval()
    said = norm(seen.flatten(0, 1))
    assert torch.allclose(said.mean(0), torch.zeros(2).double(), atol=1e-9)
    assert torch.allclose(said.std(0, correction=0), torch.ones(2).double(), atol=1e-9)
    assert torch.equal(norm(seen[0]), norm(seen[0])), "evaluation changes nothing"
    one = Standardised(2)
    assert bool(one(torch.tensor([[3.0, 4.0]])).isfinite().all()), "a batch may be one cloud"


def test_what_is_not_finite_is_not_remembered() -> None:
    norm = Standardised(2)
    norm(torch.tensor([[3.0, 4.0], [5.0, 9.0]]))
    before = {name: buffer.clone() for name, buffer in norm.named_buffers()}
    with pytest.raises(DomainError, match="numbers of cloud 1 that are not finite"):
        norm(torch.tensor([[3.0, 4.0], [5.0, float("nan")]]))
    norm(torch.zeros(0, 2))
    with untraced(norm):
        norm(torch.ones(1, 2))
    assert all(torch.equal(buffer, before[name]) for name, buffer in norm.named_buffers())
    said = norm.eval()(torch.tensor([[4.0, 4.0], [float("inf"), 0.0]]))
    assert said[0].tolist() == pytest.approx([0.0, -1.0]), "in evaluation no cloud changes what is said of another"


def test_a_cloud_counts_once_in_however_many_poses_it_is_seen() -> None:
    """As for batch norms: copies are weighed, and chunks, which would each be remembered, refused."""
    x = torch.tensor([[1.0], [2.0], [9.0], [9.0], [9.0]])
    weight = torch.tensor([1.0, 1.0, 1 / 3, 1 / 3, 1 / 3])
    norm, once = nn.Sequential(Standardised(1)), Standardised(1)
    with counted_once(norm, weight, None):
        said = norm(x)
    assert torch.allclose(said[:3], once(x[:3]))
    torch.testing.assert_close(norm[0].state_dict(), once.state_dict())
    backbone = nn.Sequential(nn.Linear(3, 3), Standardised(3))
    chunked = FrameAveraged(backbone, PCAFrame("O(3)"), "Vector", "Vector", chunk=2)
    with pytest.raises(DomainError, match="chunk=2 with batch norm in train mode"):
        chunked(torch.randn(2, 5, 3))


def test_losses() -> None:
    x, truth = body(60)
    logits, _, trace = segmenter()(x)
    targets = part_targets(x, truth)
    assert float(targets[truth == 0].std(0).max()) < 1e-12
    squared, absolute = (piecewise_loss(logits, trace, targets, truth, form=form) for form in ("squared", "absolute"))
    entropy = 0.1 * torch.nn.functional.cross_entropy(logits, truth)
    assert float(squared - entropy) == pytest.approx(float((trace.votes - targets).square().sum(-1).mean(1).sum()))
    assert float(absolute - entropy) == pytest.approx(float((trace.votes - targets).abs().sum(-1).mean(1).sum()))
    with pytest.raises(DomainError, match="form='cubic'"):
        piecewise_loss(logits, trace, targets, truth, form="cubic")  # type: ignore[arg-type]


SEVEN = torch.arange(21, dtype=torch.float64).view(7, 3).sin()


def spoilt() -> Tensor:
    x = SEVEN.clone()
    x[4, 0] = torch.inf
    return x


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda f: f(SEVEN[:, :2]), ShapeError, r"\(7, 2\); expected \(N, 3\)"),
        (lambda f: f(spoilt()), DomainError, "row 4"),
        (lambda f: f(SEVEN.long()), DtypeError, "int64"),
        (lambda f: f(SEVEN.half()), DtypeError, "float16"),
        (lambda f: f(SEVEN.float()), DtypeError, "float32 for weights torch.float64"),
        (lambda f: f(SEVEN[:0]), DomainError, "cloud 0, which has no points"),
        (lambda f: f(SEVEN, segments=Segments(torch.tensor([0] * 4 + [2] * 3), 3)), DomainError, "cloud 1, which has"),
        (lambda f: f(SEVEN, segments=Segments(torch.tensor([0] * 4), 1)), ShapeError, "4 labels"),
    ],
)
def test_clouds_that_are_refused(call: Any, error: type[Exception], said: str) -> None:
    for f in (segmenter(), PiecewiseClassifier(3, cells=4, k_local=3).double()):
        with pytest.raises(error, match=said):
            call(f)


def test_normals_that_are_refused_and_those_that_are_made_unit() -> None:
    f = segmenter(normals=True)
    for normals, error, said in (
        (SEVEN[:5], ShapeError, r"normals of shape \(5, 3\); expected \(7, 3\)"),
        (spoilt(), DomainError, "features that are not finite in row 4"),
        (SEVEN.float(), DtypeError, "features torch.float32"),
    ):
        with pytest.raises(error, match=said):
            f(SEVEN, normals)
    unit = torch.nn.functional.normalize(SEVEN.cos(), dim=1)
    with pytest.warns(UserWarning, match="divided by their length"):
        assert torch.allclose(f(SEVEN, 2 * unit)[1][1].labels, f(SEVEN, unit)[1][1].labels)


def test_targets_and_labels_of_another_length_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"parts of shape \(6,\) for 7 points"):
        part_targets(SEVEN, torch.zeros(6, dtype=torch.int64))
    logits, _, trace = segmenter()(SEVEN)
    whole = torch.zeros(7, dtype=torch.int64)
    for targets, labels in ((SEVEN[:6], whole), (SEVEN, whole[:6])):
        with pytest.raises(ShapeError, match="one for each of 7 points"):
            piecewise_loss(logits, trace, targets, labels)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: PiecewiseEncoder(variances=(0.0, 1.0, 1.0)), "variance=0.0"),
        (lambda: PiecewiseEncoder(cells=0), "cells=0"),
        (lambda: PiecewiseEncoder(k_local=0), "k_local=0"),
        (lambda: PiecewiseSegmenter(0), "num_classes=0"),
        (lambda: PiecewiseClassifier(4, size="large"), "size='large'"),
        (lambda: PiecewiseEncoder(size="big"), "size='big'"),  # type: ignore[arg-type]
        (lambda: PiecewiseEncoder(variances=(1.0,)), "3 variances"),
        (lambda: PiecewiseEncoder("SL(3)"), "SL\\(3\\)"),
    ],
)
def test_what_is_refused(call: object, said: str) -> None:
    with pytest.raises(DomainError, match=said):
        call()  # type: ignore[operator]
