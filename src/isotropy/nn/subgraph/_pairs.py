"""Sums over pairs and maps of pairs, a slice of pairs at a time, so that no further tensor of all pairs is made.

With features T (M2, C) and their gradient, the map and its gradient hold four tensors of all pairs; the fifteen
operators written one by one hold about thirty. Where the gradient is to be differentiated again (``create_graph``), it
is written with plain operations instead, which autograd follows to any order, and holds more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.nn.subgraph._subgraphs import Subgraphs

_SLICE = 1 << 19  # numbers in a slice of pairs: what is between input and output then stays in the cache


def pair_sums(
    T: Float[Tensor, "M2 C"], s: Subgraphs, weight: Float[Tensor, "M1 1"], columns: bool, picked: Sequence[Tensor]
) -> tuple[Float[Tensor, "M2 C"], list[Float[Tensor, "M C"]]]:
    """T itself, to be used from here on; the sum over each row of pairs, over each column (with ``columns``, else the
    row's again), times ``weight``; and the pairs of each list of ``picked``.

    What comes back to T through all of these is added up in one tensor.
    """
    whole, *sums = _Sums.apply(T, s.row, s.col, weight, columns, *picked)
    return whole, sums


def pair_map(
    T: Float[Tensor, "M2 C"] | None,
    kept: Float[Tensor, "C O"] | None,
    turned: Float[Tensor, "C O"] | None,
    by_row: Float[Tensor, "M1 O"],
    by_col: Float[Tensor, "M1 O"],
    s: Subgraphs,
) -> Float[Tensor, "M2 O"]:
    """``T_ij kept + T_ji turned + by_row_i + by_col_j`` for every pair (i, j)."""
    return _Map.apply(T, kept, turned, by_row, by_col, s.row, s.col, s.transposed if turned is not None else None)


def _slices(rows: int, width: int) -> list[slice]:
    step = max(_SLICE // max(width, 1), 1)
    return [slice(at, min(at + step, rows)) for at in range(0, rows, step)]


class _Sums(torch.autograd.Function):
    """Row sums, column sums and chosen pairs, beside T: the gradient that comes to T is written on, none is made."""

    @staticmethod
    def forward(
        ctx: Any,
        T: Float[Tensor, "M2 C"],
        row: Int[Tensor, " M2"],
        col: Int[Tensor, " M2"],
        weight: Float[Tensor, "M1 1"],
        columns: bool,
        *picked: Int[Tensor, " P"],
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(row, col, weight, *picked)
        ctx.columns = columns
        ctx.set_materialize_grads(False)
        rows = T.new_zeros(len(weight), T.shape[1]).index_add_(0, row, T).mul_(weight)
        cols = T.new_zeros(len(weight), T.shape[1]).index_add_(0, col, T).mul_(weight) if columns else rows.clone()
        return T, rows, cols, *(T.index_select(0, at) for at in picked)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        row, col, weight, *picked = ctx.saved_tensors
        whole, by_row, by_col, *chosen = grads
        like = next((g for g in grads if g is not None), None)
        if like is None:
            return (None,) * (5 + len(picked))
        if by_row is not None and by_col is not None and not ctx.columns:
            by_row, by_col = by_row + by_col, None
        if torch.is_grad_enabled():  # the gradient is differentiated again
            total = like.new_zeros(len(row), like.shape[1]) if whole is None else whole
            for each, at in ((by_row, row), (by_col, col)):
                if each is not None:
                    total = total + (each * weight).index_select(0, at)
            for each, at in zip(chosen, picked, strict=True):
                if each is not None:
                    total = total.index_add(0, at, each)
            return (total, *(None for _ in range(4 + len(picked))))
        # T is handed on to one map only, so what it hands back is nobody else's.
        grad = like.new_zeros(len(row), like.shape[1]) if whole is None else whole
        for part in _slices(*grad.shape):
            for each, at in ((by_row, row), (by_col, col)):
                if each is not None:
                    grad[part] += each.index_select(0, at[part]) * weight.index_select(0, at[part])
        for each, at in zip(chosen, picked, strict=True):
            if each is not None:
                grad.index_add_(0, at, each)
        return (grad, *(None for _ in range(4 + len(picked))))


class _Map(torch.autograd.Function):
    """The map of pairs; its gradient goes back through the same slices, since transposing twice changes nothing."""

    @staticmethod
    def forward(
        ctx: Any,
        T: Float[Tensor, "M2 C"] | None,
        kept: Float[Tensor, "C O"] | None,
        turned: Float[Tensor, "C O"] | None,
        by_row: Float[Tensor, "M1 O"],
        by_col: Float[Tensor, "M1 O"],
        row: Int[Tensor, " M2"],
        col: Int[Tensor, " M2"],
        transposed: Int[Tensor, " M2"] | None,
    ) -> Float[Tensor, "M2 O"]:
        ctx.save_for_backward(T, kept, turned, row, col, transposed)
        ctx.members = len(by_row)
        out = by_row.new_empty(len(row), by_row.shape[1])
        for part in _slices(*out.shape):
            here = out[part]
            torch.index_select(by_row, 0, row[part], out=here)
            here += by_col.index_select(0, col[part])
            if T is not None and kept is not None:
                here.addmm_(T[part], kept)
                if turned is not None and transposed is not None:
                    here.addmm_(T.index_select(0, transposed[part]), turned)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        T, kept, turned, row, col, transposed = ctx.saved_tensors
        grad = grads[0].contiguous()
        if torch.is_grad_enabled():  # the gradient is differentiated again
            return _map_back(grad, T, kept, turned, row, col, transposed, ctx.members)
        by_row = grad.new_zeros(ctx.members, grad.shape[1]).index_add_(0, row, grad)
        by_col = grad.new_zeros(ctx.members, grad.shape[1]).index_add_(0, col, grad)
        if T is None:
            return None, None, None, by_row, by_col, None, None, None
        g_T = torch.empty_like(T) if ctx.needs_input_grad[0] else None
        g_kept = torch.zeros_like(kept)
        g_turned = None if turned is None else torch.zeros_like(turned)
        for part in _slices(*grad.shape):
            here = grad[part]
            g_kept.addmm_(T[part].mT, here)
            if g_T is not None:
                torch.mm(here, kept.mT, out=g_T[part])
            if turned is not None and g_turned is not None:
                back = grad.index_select(0, transposed[part])
                g_turned.addmm_(T[part].mT, back)  # the sum over (i, j) of T_ji' g_ij, with i and j exchanged
                if g_T is not None:
                    g_T[part].addmm_(back, turned.mT)
        return g_T, g_kept, g_turned, by_row, by_col, None, None, None


def _map_back(
    grad: Float[Tensor, "M2 O"],
    T: Float[Tensor, "M2 C"] | None,
    kept: Float[Tensor, "C O"] | None,
    turned: Float[Tensor, "C O"] | None,
    row: Int[Tensor, " M2"],
    col: Int[Tensor, " M2"],
    transposed: Int[Tensor, " M2"] | None,
    members: int,
) -> tuple[Tensor | None, ...]:
    """What `_Map` hands back, in operations that autograd follows."""
    by_row, by_col = (grad.new_zeros(members, grad.shape[1]).index_add(0, at, grad) for at in (row, col))
    g_T, g_kept, g_turned = None, None, None
    if T is not None and kept is not None:
        g_T, g_kept = grad @ kept.mT, T.mT @ grad
        if turned is not None and transposed is not None:
            back = grad.index_select(0, transposed)
            g_T, g_turned = g_T + back @ turned.mT, T.mT @ back
    return g_T, g_kept, g_turned, by_row, by_col, None, None, None
