"""Jacobians row by row: those of forward mode, for any number of outputs."""

import torch
from torch.func import jacfwd, vmap

from isotropy.groups import parse
from isotropy.measure import lie_gram
from isotropy.measure._slopes import slopes
from isotropy.random import spawn
from isotropy.reps import Point, Scalar, Vector


def some_rows(n: int, p: int) -> torch.Tensor:
    return torch.randn(n, p, generator=spawn(0, "x", n, p), dtype=torch.float64)


def test_slopes_are_the_jacobians() -> None:
    x = some_rows(1500, 3)  # more rows than are held at once

    def f(v: torch.Tensor) -> torch.Tensor:
        return torch.stack([v[..., 0] * v[..., 1], v.square().sum(-1).sin(), torch.ones_like(v[..., 0])], -1)

    torch.testing.assert_close(slopes(f, x), vmap(jacfwd(f))(x))
    assert not slopes(lambda v: v.detach(), x).any()


def test_the_gram_matrix_is_the_same_in_both_modes() -> None:
    x = some_rows(60, 6)

    def f(v: torch.Tensor) -> torch.Tensor:
        return torch.cat([v[:, :3] * v[:, 3:].sin(), v[:, 3:]], 1)

    for group, rep_in, rep_out in (("SO(3)", 2 * Vector, 2 * Vector), ("SE(3)", 2 * Point, 2 * Point)):
        one, two = (lie_gram(f, group, x, rep_in, rep_out, by_row=by_row) for by_row in (False, True))
        torch.testing.assert_close(one.matrix, two.matrix)
        torch.testing.assert_close(one.replicates, two.replicates)
    assert lie_gram(lambda v: v[:, :1], parse("SO(2)"), some_rows(9, 2), Vector, Scalar, by_row=True).matrix > 0
