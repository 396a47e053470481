"""Penalties on what a model does rather than on its weights: sampled moves, infinitesimal moves."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError
from isotropy.groups import Draws, Group, Window, parse
from isotropy.measure import lie_derivative
from isotropy.reps import Rep, parse_rep


class SamplePenalty:
    """``penalty(model, batch, generator) -> (J,)``: ``E |f(g x) - g f(x)|^2`` per output, over the rows and draws of g.

    ``batch`` is x ``(B, n_in)`` or a tuple that begins with it. Each candidate is a compact group (Haar) or a
    ``Window`` on a group; another group raises ``DomainError`` when it samples. Every row and draw has its own element,
    from ``generator`` or else from torch's global one.

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Vector
    >>> penalty = SamplePenalty(Vector, Vector, ["O(3)", "O(2)@z"])
    >>> model = nn.Linear(3, 3, bias=False)
    >>> with torch.no_grad():
    ...     _ = model.weight.copy_(torch.diag(torch.tensor([1.0, 1.0, 2.0])))
    >>> values = penalty(model, torch.ones(50, 3), spawn(0, "draws"))
    >>> bool(values[0] > 0.1), bool(values[1] < 1e-10)
    (True, True)
    """

    def __init__(
        self, rep_in: Rep | str, rep_out: Rep | str, groups: Sequence[Group | Window | str], *, draws: int = 1
    ) -> None:
        self.rep_in, self.rep_out, self.draws = parse_rep(rep_in), parse_rep(rep_out), draws
        self.candidates = tuple(one if isinstance(one, Window) else parse(one) for one in groups)
        self.names = tuple(str(one.group if isinstance(one, Window) else one) for one in self.candidates)

    def __call__(self, model: nn.Module, batch: Any, generator: Generator | None = None) -> Float[Tensor, " J"]:
        x = rows(batch)
        generator = torch.default_generator if generator is None else generator
        fx = model(x)
        moved: list[Tensor] = []
        targets: list[Tensor] = []
        for candidate in self.candidates:
            drawn = Draws.of(candidate, self.draws).take(len(x), generator, dtype=x.dtype, device=x.device)
            moved.append(self.rep_in.act(drawn.group, drawn.g, x[:, None]).flatten(0, 1))
            targets.append(self.rep_out.act(drawn.group, drawn.g, fx[:, None]).flatten(0, 1))
        # One pass of the model over the rows of all groups: small batches cost mostly their number of calls.
        found = model(torch.cat(moved)).split([len(part) for part in moved])
        return torch.stack([(f - t).square().mean() for f, t in zip(found, targets, strict=True)])


class LiePenalty:
    """``penalty(model, batch, generator) -> (J,)``: the mean of ``|L_A f|^2`` over outputs and generators.

    ``(L_A f)(x) = d/dt rho_out(exp(-tA)) f(exp(tA) x)`` at t = 0, by forward-mode derivatives through the model, which
    the optimiser then differentiates backwards; it sees the identity component only. A group without a Lie algebra
    raises ``DomainError``. Source: Gruver, Finzi, Goldblum, Wilson, ICLR 2023; §2.8.

    >>> from isotropy.reps import Vector
    >>> penalty = LiePenalty(Vector, Vector, ["SO(3)"])
    >>> bool(penalty(nn.Identity(), torch.ones(5, 3), None).abs() < 1e-12)
    True
    """

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str, groups: Sequence[Group | str]) -> None:
        self.rep_in, self.rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.groups = tuple(parse(group) for group in groups)
        self.names = tuple(str(group) for group in self.groups)
        finite = [name for name, group in zip(self.names, self.groups, strict=True) if group.dim == 0]
        if finite:
            raise DomainError(f"{', '.join(finite)}", "groups with a Lie algebra", "use SamplePenalty for these")

    def __call__(self, model: nn.Module, batch: Any, generator: Generator | None = None) -> Float[Tensor, " J"]:
        x = rows(batch)
        return torch.stack(
            [lie_derivative(model, group, x, self.rep_in, self.rep_out).square().mean() for group in self.groups]
        )


def rows(batch: Any) -> Float[Tensor, "B n"]:
    """The inputs of a batch: the batch itself, or the first of its parts."""
    x = batch[0] if isinstance(batch, (tuple, list)) else batch
    if not isinstance(x, Tensor):
        raise DomainError(f"a batch of type {type(x).__name__}", "a tensor (B, n), or a tuple that begins with one")
    return x
