"""Masked sums: exact within their budget, and noise to whoever sees a single upload."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from isotropy.errors import DomainError, InfeasibleError
from isotropy.federation import ClassStats, error_of, secure_stats
from isotropy.federation import _secure as secure
from isotropy.random import spawn

DRAW = spawn(0, "secure")
X = 3 * torch.randn(75, 6, generator=DRAW, dtype=torch.float64) + 40
Y = torch.randint(0, 3, (75,), generator=DRAW)
# The third site has one row, the fourth none.
CLIENTS = [(X[:30], Y[:30]), (X[30:74], Y[30:74]), (X[74:], Y[74:]), (X[:0], Y[:0])]


def test_sums_are_those_of_all_rows_within_their_budget() -> None:
    exact = ClassStats.from_data(X, Y, classes=3)
    found = secure_stats(CLIENTS, classes=3)
    assert torch.equal(found.n, exact.n)
    # The bar is 1e-4 of the scale; 40 bits give the budget, and from_sums is exact to 1e-10.
    budget = error_of(4, 64.0, 75)
    assert budget < 1e-7
    assert float((found.cov - exact.cov).abs().max()) < 4 * budget + 1e-9 * float(exact.cov.abs().max())
    assert float((found.mean - exact.mean).abs().max()) < 4 * budget + 1e-9


def test_an_upload_is_noise_and_says_nothing_of_its_rows() -> None:
    wide = [(x.repeat(1, 4) + torch.arange(24), y) for x, y in CLIENTS]
    _, seen = secure_stats(wide, classes=3, view=True)
    _, again = secure_stats(wide, classes=3, view=True)
    for name, words in seen.items():
        # Fair bits: of 3 * (1 + 24 + 300) words of 64, a share is known to 0.5 / sqrt(62400) = 0.002.
        bits = np.unpackbits(words.numpy().view(np.uint8))
        assert bits.mean() == pytest.approx(0.5, abs=0.01), name
        assert not torch.equal(words, again[name]), "masks are drawn anew"
        assert float((words == again[name]).double().mean()) == 0
    total = sum(words.numpy().view(np.uint64) for words in seen.values())
    assert total[:3].tolist() == torch.bincount(Y, minlength=3).tolist(), "only the sum is what it was"


def test_without_masks_the_same_view_would_give_a_site_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secure, "_mask", lambda key, length, purpose: np.zeros(length, np.uint64))
    _, seen = secure_stats(CLIENTS, classes=3, view=True)
    assert seen["client 0"][:3].tolist() == torch.bincount(Y[:30], minlength=3).tolist()


def test_masks_come_from_the_key_and_the_purpose() -> None:
    one = secure._mask(b"k" * 32, 5, b"centre")
    assert one.tobytes() == hashlib.shake_256(b"k" * 32 + b"centre").digest(40)
    assert not np.array_equal(one, secure._mask(b"k" * 32, 5, b"statistics"))
    assert not np.array_equal(one, secure._mask(b"l" * 32, 5, b"centre"))


def test_masks_of_one_call_say_nothing_of_the_next() -> None:
    _, before = secure_stats(CLIENTS, classes=3, view=True, centre=40.0, reach=32.0)
    _, after = secure_stats([(X[1:30], Y[1:30]), *CLIENTS[1:]], classes=3, view=True, centre=40.0, reach=32.0)
    # Of the same pads the difference would be the row that is gone: small numbers, and at most one class of it.
    difference = after["client 0"] - before["client 0"]
    assert int((difference == 0).sum()) == 0
    assert int((difference[:3].abs() <= 1).sum()) == 0


def test_a_public_reach_is_all_that_bounds_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float | None] = []
    reach_of = secure._reach

    def seen(offsets: dict[str, torch.Tensor], reach: float | None) -> float:
        asked.append(reach)
        return reach_of(offsets, reach)

    monkeypatch.setattr(secure, "_reach", seen)
    found = secure_stats(CLIENTS, classes=3, reach=128.0)
    assert asked == [128.0, 256.0], "about the origin, then about a mean within it"
    exact = ClassStats.from_data(X, Y, classes=3)
    assert float((found.cov - exact.cov).abs().max()) < 4 * error_of(4, 256.0, 75) + 1e-9 * float(exact.cov.abs().max())


def test_a_row_so_far_out_that_it_hides_a_class_is_refused() -> None:
    # Squares of a row at 1e5 leave steps of 1e-2 for sums that are about 25.
    far, here = torch.full((1, 6), 1e5, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    assert float(ClassStats.from_data(X, Y, classes=3).cov[1].diagonal().mean()) < 15
    sites = [(torch.cat([X[:30], far]), torch.cat([Y[:30], here])), *CLIENTS[1:]]
    with pytest.raises(DomainError, match=r"class 1 with sums of squares of .*look for an outlier, clip rows"):
        secure_stats(sites, classes=3, centre=40.0)
    with pytest.raises(DomainError, match="look for an outlier"):
        secure_stats([(torch.cat([X[:30], 1e4 * far]), torch.cat([Y[:30], here])), *CLIENTS[1:]], classes=3)


@pytest.mark.filterwarnings("error")
def test_rows_that_are_all_their_mean_have_no_spread() -> None:
    same = torch.full((4, 2), 3.0, dtype=torch.float64)
    found = secure_stats([(same, torch.zeros(4)), (same, torch.zeros(4))], classes=1, centre=3.0)
    assert found.n.tolist() == [8.0]
    assert not found.cov.any()


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DomainError, match="two sites with rows"):
        secure_stats([CLIENTS[0], CLIENTS[3]], classes=3)
    with pytest.raises(DomainError, match="rows of north beyond 5"):
        secure_stats(CLIENTS[:2], classes=3, centre=X[:30].mean(0), reach=5.0, names=["north", "south"])
    with pytest.raises(DomainError, match="reach=-1"):
        secure_stats(CLIENTS[:2], classes=3, reach=-1.0)
    monkeypatch.setattr(secure, "_MOST", 50)
    with pytest.raises(InfeasibleError, match="74 rows in one sum"):
        secure_stats(CLIENTS[:2], classes=3)
