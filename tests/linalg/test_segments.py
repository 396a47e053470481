"""Ragged sums against Python loops, whatever the order of the rows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isotropy.errors import DomainError, ShapeError
from isotropy.linalg import Segments

labels = st.lists(st.integers(0, 4), min_size=1, max_size=20)


def rows(label: list[int], seed: int = 0) -> tuple[torch.Tensor, Segments]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(len(label), 2, 3, generator=draw, dtype=torch.float64), Segments(torch.tensor(label), 5)


@settings(max_examples=40, deadline=None)
@given(labels)
def test_equals_a_loop(label: list[int]) -> None:
    x, segments = rows(label)
    sums, soft = segments.sum(x), segments.softmax(50 * x)
    padded, mask = segments.pad(x)
    for s in range(5):
        part = x[segments.label == s]
        assert torch.allclose(sums[s], part.sum(0), atol=1e-12)
        assert torch.equal(padded[s][mask[s]], part)
        assert bool((padded[s][~mask[s]] == 0).all())
        if len(part):
            assert torch.allclose(soft[segments.label == s], (50 * part).softmax(0), atol=1e-12)
    present = Segments.from_batch(torch.unique(segments.label, return_inverse=True)[1])
    for s in range(present.count):
        part = x[present.label == s]
        assert torch.allclose(present.mean(x)[s], part.mean(0), atol=1e-12)
        assert torch.equal(present.max(x)[s], part.amax(0))
    assert torch.equal(present.order.sort().values, torch.arange(len(label)))
    assert present.ptr.tolist() == [0, *present.sizes.cumsum(0).tolist()]


@settings(max_examples=20, deadline=None)
@given(labels, st.integers(0, 9))
def test_commutes_with_permutations_of_the_rows(label: list[int], seed: int) -> None:
    x, segments = rows(label)
    p = torch.randperm(len(label), generator=torch.Generator().manual_seed(seed))
    turned = Segments(segments.label[p], 5)
    assert torch.allclose(turned.sum(x[p]), segments.sum(x), atol=1e-12)
    assert torch.allclose(turned.softmax(x[p]), segments.softmax(x)[p], atol=1e-12)


def test_one_segment_is_the_dense_reduction() -> None:
    x, _ = rows([0] * 7)
    one = Segments(torch.zeros(7, dtype=torch.int64), 1)
    assert torch.allclose(one.mean(x)[0], x.mean(0), atol=1e-12)
    assert torch.equal(one.max(x)[0], x.amax(0))
    assert torch.equal(one.gather(one.max(x)), x.amax(0).expand_as(x))


def test_gradients_flow_and_stay_finite() -> None:
    x, segments = rows([0, 0, 2, 4, 4, 4])
    x = x.requires_grad_()
    assert torch.autograd.gradcheck(segments.softmax, x)


def test_doors() -> None:
    mask = torch.tensor([[True, False, True], [False, False, False]])
    assert Segments.from_mask(mask).sizes.tolist() == [2, 0]
    assert Segments.from_sizes(torch.tensor([1, 0, 2])).label.tolist() == [0, 2, 2]


def test_empty_and_wrong_labels_are_refused() -> None:
    segments = Segments(torch.tensor([0, 2]), 3)
    with pytest.raises(DomainError, match=r"empty segments \[1\]"):
        segments.mean(torch.ones(2))
    with pytest.raises(DomainError, match="max"):
        segments.max(torch.ones(2))
    with pytest.raises(ShapeError, match="0 to 1"):
        Segments(torch.tensor([0, 2]), 2)
