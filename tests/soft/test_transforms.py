"""Transformations: image operations as Pillow does them, groups, and draws whose laws are known exactly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.stats
import torch
from PIL import Image, ImageEnhance
from PIL import ImageOps as Pillow
from torch import Tensor

from isotropy.errors import DomainError, NonDeterministicError, ShapeError
from isotropy.groups import SO, Window, parse
from isotropy.random import spawn
from isotropy.reps import Field, Scalar
from isotropy.soft import Choice, Compose, GroupTransforms, ImageOps, ImageTransform, TransformSet, draw
from isotropy.soft._image_ops import OPERATIONS


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bytes_(channels: int, count: int = 6, side: int = 17) -> Tensor:
    """Pictures of bytes: noise, few grey levels, a narrow range, one grey, dark, smooth."""
    draw_ = np.random.default_rng(0)
    shape = (channels, side, side + 3)
    smooth = np.add.outer(np.arange(side) * 7, np.arange(side + 3) * 5) % 256
    kinds = [
        draw_.integers(0, 256, shape),
        draw_.choice([10, 20, 200], shape),
        draw_.integers(90, 140, shape),
        np.full(shape, 77),
        draw_.integers(0, 9, shape),
        np.broadcast_to(smooth, shape),
    ]
    return torch.as_tensor(np.stack(kinds[:count]).astype(np.uint8))


def picture(x: Tensor) -> Image.Image:
    return Image.fromarray(x[0].numpy() if len(x) == 1 else x.movedim(0, -1).contiguous().numpy())


def pillow(name: str, image: Image.Image, value: float) -> Image.Image:
    if name in ("color", "contrast", "brightness", "sharpness"):
        return getattr(ImageEnhance, name.capitalize())(image).enhance(value)
    if name == "posterize":
        return Pillow.posterize(image, int(value))
    return Pillow.solarize(image, int(value)) if name == "solarize" else getattr(Pillow, name)(image)


STRENGTHS = {"posterize": (8, 5, 2), "solarize": (256, 128, 0)}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "name", ["autocontrast", "equalize", "solarize", "posterize", "contrast", "brightness", "sharpness", "color"]
)
def test_operations_on_bytes_are_those_of_pillow(name: str, channels: int) -> None:
    """Specification 09 §5.7, to the last grey level; a contrast about 0.5 would be off by many."""
    x = bytes_(channels)
    if name == "color" and channels == 1:
        return
    for value in STRENGTHS.get(name, (0.1, 0.7, 1.0, 1.9)):
        ours = OPERATIONS[name](x.float() / 255, torch.full((len(x),), float(value))) * 255
        for image, found in zip(x, ours, strict=True):
            wanted = torch.as_tensor(np.array(pillow(name, picture(image), value))).float()
            wanted = wanted[None] if channels == 1 else wanted.movedim(-1, 0)
            assert torch.equal(found.round(), wanted), (name, value)


def test_a_contrast_about_the_middle_grey_is_seen_by_this_test() -> None:
    """The mutant: Pillow's own is about the mean grey of the picture."""
    x = bytes_(1)
    wanted = [np.array(pillow("contrast", picture(image), 0.1)) for image in x]
    mutant = ((x.float() - 127.5) * 0.1 + 127.5).round()[:, 0].numpy()
    assert all(np.abs(found - theirs).max() > 1 for found, theirs in zip(mutant[2:5], wanted[2:5], strict=True))


def bilinear(image: np.ndarray, A: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """A square picture under u -> A u + shift, cell by cell: x to the right, y up, half sides, empty outside."""
    n = len(image)
    padded = np.pad(image, 1)
    out = np.zeros_like(image)
    for i, j in itertools.product(range(n), repeat=2):
        u = np.linalg.solve(A, np.array([(2 * j + 1) / n - 1, 1 - (2 * i + 1) / n]) - shift)
        column, row = ((u[0] + 1) * n - 1) / 2, ((1 - u[1]) * n - 1) / 2
        k, l = math.floor(row), math.floor(column)
        for a, b in itertools.product((k, k + 1), (l, l + 1)):
            if -1 <= a <= n and -1 <= b <= n:
                out[i, j] += (1 - abs(row - a)) * (1 - abs(column - b)) * padded[a + 1, b + 1]
    return out


@pytest.mark.parametrize(
    ("name", "value"), [("rotate", 25.0), ("shear-x", 0.25), ("shear-y", -0.4), ("translate-x", 3.2)]
)
def test_geometric_operations_are_those_of_a_reference_warp(name: str, value: float) -> None:
    """Specification 09 §5.7, to 1e-5."""
    image = bytes_(1, side=20)[5, 0, :, :20].double() / 255
    c, s = math.cos(math.radians(value)), math.sin(math.radians(value))
    maps = {"rotate": [[c, -s], [s, c]], "shear-x": [[1, value], [0, 1]], "shear-y": [[1, 0], [value, 1]]}
    by = [2 * value / 32, 0.0] if name == "translate-x" else [0.0, 0.0]
    wanted = bilinear(image.numpy(), np.array(maps.get(name, [[1, 0], [0, 1]]), float), np.array(by))
    found = OPERATIONS[name](image[None, None], torch.tensor([value], dtype=torch.float64))[0, 0]
    assert np.abs(found.numpy() - wanted).max() < 1e-5
    assert np.abs(wanted - image.numpy()).max() > 0.1


def test_geometric_operations_are_affine_warps_of_pillow() -> None:
    """Whole pixels exactly; turns counter-clockwise as Pillow's bilinear ones inside; shears row by row."""
    x = bytes_(1, side=20)[5:, :, :, :20]
    image = x.float() / 255
    one = torch.ones(1)
    assert torch.allclose(OPERATIONS["translate-x"](image, 3.2 * one)[..., 2:], image[..., :-2], atol=1e-5)
    assert torch.allclose(OPERATIONS["translate-y"](image, 3.2 * one)[..., :-2, :], image[..., 2:, :], atol=1e-5)
    assert torch.allclose(OPERATIONS["rotate"](image, 90 * one), torch.rot90(image, 1, (2, 3)), atol=1e-5)
    theirs = torch.as_tensor(np.array(picture(x[0]).rotate(25, Image.Resampling.BILINEAR))).float()
    inside = (slice(5, 15), slice(5, 15))
    turned = OPERATIONS["rotate"](image, 25 * one)[0, 0] * 255
    assert float((turned - theirs)[inside].abs().median()) < 1.0
    sheared = OPERATIONS["shear-x"](image, 0.25 * one)[0, 0] * 255
    # Rows go down and y up: what lies above the middle moves to the right.
    rows = torch.arange(20)
    for row in (2, 9, 17):
        by = 0.25 * (9.5 - row)
        places = (rows - by).clamp(0, 19)
        low = places.floor().long().clamp_max(18)
        wanted = torch.lerp(x[0, 0, row][low].float(), x[0, 0, row][low + 1].float(), places - low)
        assert torch.allclose(sheared[row][4:16], wanted[4:16], atol=1e-2)


def test_a_batch_is_its_pictures_one_by_one_and_strengths_are_those_of_the_levels() -> None:
    ops, x = ImageOps("wide", include_identity=True), torch.rand(60, 3, 12, 12, generator=generator())
    t = ops.sample(60, generator(1))
    assert len(set(t.op.tolist())) == len(ops.names) == 14
    together = ops.apply(t, x)
    for i in range(60):
        alone = ops.apply(ImageTransform(t.op[i : i + 1], t.level[i : i + 1], t.sign[i : i + 1]), x[i : i + 1])
        assert torch.allclose(together[i : i + 1], alone, atol=1e-6)
    still = ImageTransform(torch.full((60,), ops.names.index("identity")), t.level, t.sign)
    assert torch.equal(ops.apply(still, x), x)
    assert math.isclose(float(ops.log_density(t)[0]), -math.log(14 * 30 * 2))
    plain = ImageOps()
    assert "identity" not in plain.names
    assert float(plain.sample(500, generator()).level.min()) == 1
    assert float(ImageOps(["rotate"]).strength("rotate", torch.ones(1), -torch.ones(1))) == -30
    assert float(ops.strength("posterize", torch.ones(1), torch.ones(1))) == 2


def test_colour_does_nothing_to_one_channel_and_says_so() -> None:
    ops, x = ImageOps(["color"]), torch.rand(4, 1, 5, 5, generator=generator())
    assert torch.equal(ops.apply(ops.sample(4, generator()), x), x)
    assert ops.idle(1) == ("color",)
    assert ops.idle(3) == ()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ImageOps(["rotat"]), "one of identity, autocontrast"),
        (lambda: ImageOps("narrow"), "'standard'"),
        (lambda: ImageOps([]), "no operations"),
        (lambda: ImageOps().apply(ImageOps().sample(1, generator()), 255 * torch.ones(1, 1, 4, 4)), "x / 255"),
        (lambda: ImageOps().apply(ImageOps().sample(1, generator()), torch.ones(1, 2, 4, 4)), "1 or 3"),
        (lambda: ImageOps().apply(ImageOps().sample(1, generator()), torch.ones(1, 1, 4, 4).byte()), "255"),
        (lambda: GroupTransforms("T(2)", "Point"), "Window"),
    ],
)
def test_what_is_no_operation_on_these_pictures_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(DomainError, match=words):
        make()


def test_groups_act_on_any_type_and_sets_join() -> None:
    turns = GroupTransforms(SO(2), Field(Scalar))
    shifts = GroupTransforms(Window(parse("T(2)"), 0.2, "uniform"), "Field(Scalar)", name="shifts")
    x = torch.rand(5, 1, 9, 9, generator=generator())
    for both in (Compose(turns, shifts), Choice(turns, shifts)):
        t = both.sample(5, generator(1))
        assert both.apply(t, x).shape == x.shape
        assert torch.equal(both.apply(t, x), both.apply(t, x))
        assert both.log_density(t).shape == (5,)
    composed = Compose(turns, shifts)
    t = composed.sample(5, generator(1))
    assert torch.equal(composed.apply(t, x), shifts.apply(t.parts[1], turns.apply(t.parts[0], x)))
    points = GroupTransforms("SO(3)", "Cloud(Vector)")
    cloud = torch.rand(4, 6, 3, generator=generator())
    assert torch.allclose(points.apply(points.sample(4, generator()), cloud).norm(dim=2), cloud.norm(dim=2), atol=1e-5)


# Draws.
@dataclass
class State:
    number: Tensor


class States(TransformSet):
    """Five states, of losses 0.1 ... 1.6, equally likely (specification 09 §2.3)."""

    name = "states"

    def sample(self, n: int, generator: torch.Generator) -> State:
        return State(torch.randint(5, (n,), generator=generator))

    def apply(self, t: State, x: Tensor) -> Tensor:
        return x + t.number[:, None]

    def log_density(self, t: State) -> Tensor:
        return torch.full((len(t.number),), -math.log(5))


LOSSES = torch.tensor([0.1, 0.2, 0.4, 0.8, 1.6], dtype=torch.float64)
PUBLISHED = {
    1: (0.2, 0.2, 0.2, 0.2, 0.2),
    2: (0.0775, 0.1350, 0.2000, 0.2650, 0.3225),
    4: (0.04040, 0.08059, 0.15611, 0.27941, 0.44349),
    8: (0.03302, 0.06605, 0.13207, 0.26295, 0.50591),
}

MEAN_LOSSES = {1: 0.62, 2: 0.84275, 4: 1.01571, 8: 1.08915}


def table(x: Tensor, y: object) -> Tensor:
    return LOSSES[x[:, 0].long()]


def law_of(sampler: str, steps: int) -> np.ndarray:
    """The exact law of the state drawn, by powers of the chain or by all proposals."""
    l = LOSSES.numpy()
    if sampler == "mh":
        chain = np.minimum(1, l[None] / l[:, None]) / 5
        np.fill_diagonal(chain, 0)
        np.fill_diagonal(chain, 1 - chain.sum(1))
        return np.full(5, 0.2) @ np.linalg.matrix_power(chain, steps - 1)
    law = np.zeros(5)
    for proposals in itertools.product(range(5), repeat=steps):
        found = l[list(proposals)]
        share = found / found.sum() if sampler == "sir" else np.eye(steps)[found.argmax()]
        np.add.at(law, list(proposals), share / 5**steps)
    return law


def seen(sampler: str, steps: int, n: int = 200_000) -> np.ndarray:
    found = draw(table, torch.zeros(n, 1), None, States(), steps=steps, sampler=sampler, generator=generator(steps))
    assert torch.equal(found.loss, table(found.x, None))
    assert torch.equal(found.x[:, 0].long(), found.params.number)
    return np.bincount(found.params.number.numpy(), minlength=5)


@pytest.mark.parametrize(("sampler", "steps"), [*(("mh", s) for s in PUBLISHED), ("sir", 2), ("sir", 4), ("worst", 3)])
def test_draws_have_their_exact_law(sampler: str, steps: int) -> None:
    """Specification 09 §5.1 and §5.2."""
    law = law_of(sampler, steps)
    counts = seen(sampler, steps)
    if sampler == "mh":
        assert np.allclose(law, PUBLISHED[steps], atol=5e-5)
        assert counts @ LOSSES.numpy() / counts.sum() == pytest.approx(MEAN_LOSSES[steps], rel=5e-3)
    assert drawn_from(counts, law)


def drawn_from(counts: np.ndarray, law: np.ndarray) -> bool:
    """Within four standard errors in every state, and by a chi-square of four degrees of freedom."""
    n = counts.sum()
    near = (np.abs(counts / n - law) < 4 * np.sqrt(law * (1 - law) / n)).all()
    return bool(near) and scipy.stats.chisquare(counts, law * n).pvalue > 1e-4


MUTANTS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "l_old / l_new": lambda old, new: np.minimum(1, old / new),
    "accept if better": lambda old, new: (new > old).astype(float),
    "the first state": lambda old, new: 0 * (old + new),
    "always accepted": lambda old, new: 1 + 0 * (old + new),
}


@pytest.mark.parametrize("mutant", list(MUTANTS))
def test_other_rules_of_acceptance_have_other_laws(mutant: str) -> None:
    """What is drawn by each mutant of the chain is told from the law, and so would be a draw by it."""
    r = np.random.default_rng(0)
    l, state = LOSSES.numpy(), r.integers(5, size=40_000)
    for _ in range(3):
        proposal = r.integers(5, size=len(state))
        taken = r.random(len(state)) < MUTANTS[mutant](l[state], l[proposal])
        state = np.where(taken, proposal, state)
    assert not drawn_from(np.bincount(state, minlength=5), law_of("mh", 4))


def test_acceptance_is_that_of_the_chain() -> None:
    """0.5355 when stationary (specification 09 §2.3); the first step, from uniform, is a mean over pairs."""
    n = torch.zeros(20_000, 1)
    first = float((LOSSES[None] / LOSSES[:, None]).clamp_max(1).mean())
    assert draw(table, n, None, States(), steps=2, generator=generator()).acceptance == pytest.approx(first, abs=0.01)
    long = draw(table, n[:4000], None, States(), steps=40, generator=generator()).acceptance
    assert long == pytest.approx(0.5355, abs=0.02)


@pytest.mark.parametrize("sampler", ["mh", "sir", "worst", "uniform"])
def test_a_batch_is_drawn_as_its_rows_alone(sampler: str) -> None:
    """Specification 09 §5.8, bit for bit, whatever stands beside a row."""
    x = torch.arange(6.0)[:, None] * 0
    ids = [3, 1, 4, 15, 9, 2]

    def drawn(rows: list[int]) -> Tensor:
        streams = [spawn(0, "chain", ids[i]) for i in rows]
        return draw(table, x[rows], None, States(), steps=5, sampler=sampler, generator=streams).params.number

    whole = drawn(list(range(6)))
    assert torch.equal(whole[[5, 0, 2]], drawn([5, 0, 2]))
    assert [int(drawn([i])[0]) for i in range(6)] == whole.tolist()


class Growing(States):
    def apply(self, t: State, x: Tensor) -> Tensor:
        return torch.cat([x, x], 1)


class Chance(States):
    def apply(self, t: State, x: Tensor) -> Tensor:
        return x + torch.rand(x.shape)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"steps": 0}, DomainError, "steps=0"),
        ({"sampler": "gibbs"}, DomainError, "'mh'"),
        ({"loss": lambda x, y: table(x, y).mean()}, ShapeError, "reduction"),
        ({"loss": lambda x, y: table(x, y) - 1}, DomainError, "at least 0"),
        ({"loss": lambda x, y: table(x, y) * math.nan}, DomainError, "nan"),
        ({"transforms": Growing()}, ShapeError, "one shape"),
        ({"transforms": Chance()}, NonDeterministicError, "two answers"),
        ({"generator": [generator()]}, ShapeError, "one for each row"),
    ],
)
def test_draws_refuse_what_has_no_law(change: dict[str, object], error: type[Exception], words: str) -> None:
    given: dict[str, object] = {"loss": table, "x": torch.zeros(8, 1), "y": None, "transforms": States()}
    with pytest.raises(error, match=words):
        draw(**({**given, "generator": generator()} | change))  # type: ignore[arg-type]


def test_losses_that_vanish_are_equally_good() -> None:
    found = draw(lambda x, y: 0 * x[:, 0], torch.zeros(4000, 1), None, States(), steps=4, generator=generator())
    assert found.acceptance == 1.0
    assert scipy.stats.chisquare(np.bincount(found.params.number.numpy(), minlength=5)).pvalue > 1e-4
