"""Penalties on what a model does rather than on its weights: sampled moves, infinitesimal moves."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.groups import Draws, Group, Window, parse
from isotropy.linalg import Segments
from isotropy.measure import Sample, lie_derivative
from isotropy.reps import Rep, Type, parse_type


class SamplePenalty:
    """``penalty(model, batch, generator) -> (J,)``: ``E |f(g x) - g f(x)|^2`` per output, over the rows and draws of g.

    ``rep_in`` and ``rep_out`` are any types: a Rep, a Cloud, Pairs, a Field, and for a model of several arguments a
    tuple or dictionary of them. ``batch`` is x ``(B, ...)`` or a tuple that begins with it (of Segments in the batch
    sets are made, and the model is called with them), or a collection with ``x``.
    Each candidate is a compact group (Haar) or a ``Window`` on a group; another group raises ``DomainError`` when it
    samples. Every row and draw has its own element, from ``generator`` or else from torch's global one.

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
        self, rep_in: Type | str, rep_out: Type | str, groups: Sequence[Group | Window | str], *, draws: int = 1
    ) -> None:
        self.rep_in, self.rep_out, self.draws = parse_type(rep_in), parse_type(rep_out), draws
        self.candidates = tuple(one if isinstance(one, Window) else parse(one) for one in groups)
        self.names = tuple(str(one.group if isinstance(one, Window) else one) for one in self.candidates)

    def __call__(self, model: nn.Module, batch: Any, generator: Generator | None = None) -> Float[Tensor, " J"]:
        generator = torch.default_generator if generator is None else generator
        if not isinstance(self.rep_in, Rep) or not isinstance(self.rep_out, Rep):
            return self._of_any_type(model, inputs_of(batch, self.rep_in), generator)
        x = rows(batch)
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

    def _of_any_type(self, model: nn.Module, sample: Sample, generator: Generator) -> Float[Tensor, " J"]:
        """The same for clouds, graphs, images and several arguments: each row, or set, once for each draw."""
        like, count = sample.floats[0], len(sample)
        values = sample.out(sample.call(model), self.rep_out)
        found: list[Tensor] = []
        for candidate in self.candidates:
            drawn = Draws.of(candidate, self.draws).take(count, generator, dtype=like.dtype, device=like.device)
            # All of a small finite group are the same for each row.
            g = tree.tree_map(lambda part: part.expand(count, *part.shape[1:]).flatten(0, 1), drawn.g)
            each = len(tree.tree_leaves(g)[0]) // count
            copies = torch.arange(count, device=like.device).repeat_interleave(each)
            moved, wanted = (some.take(copies).moved(drawn.group, g) for some in (sample, values))
            found.append(_mean_square(moved.call(model), wanted.x))
        return torch.stack(found)


class LiePenalty:
    """``penalty(model, batch, generator) -> (J,)``: the mean of ``|L_A f|^2`` over outputs and generators.

    ``(L_A f)(x) = d/dt rho_out(exp(-tA)) f(exp(tA) x)`` at t = 0, by forward-mode derivatives through the model, which
    the optimiser then differentiates backwards; it sees the identity component only. A group without a Lie algebra
    raises ``DomainError``. Types and batches are those of ``SamplePenalty``.
    Source: Gruver, Finzi, Goldblum, Wilson, ICLR 2023; §2.8.

    >>> from isotropy.reps import Vector
    >>> penalty = LiePenalty(Vector, Vector, ["SO(3)"])
    >>> bool(penalty(nn.Identity(), torch.ones(5, 3), None).abs() < 1e-12)
    True
    """

    def __init__(self, rep_in: Type | str, rep_out: Type | str, groups: Sequence[Group | str]) -> None:
        self.rep_in, self.rep_out = parse_type(rep_in), parse_type(rep_out)
        self.groups = tuple(parse(group) for group in groups)
        self.names = tuple(str(group) for group in self.groups)
        finite = [name for name, group in zip(self.names, self.groups, strict=True) if group.dim == 0]
        if finite:
            raise DomainError(f"{', '.join(finite)}", "groups with a Lie algebra", "use SamplePenalty for these")

    def __call__(self, model: nn.Module, batch: Any, generator: Generator | None = None) -> Float[Tensor, " J"]:
        given = inputs_of(batch, self.rep_in)
        found: list[Tensor] = []
        for group in self.groups:
            rates = lie_derivative(model, group, given.x, self.rep_in, self.rep_out, segments=given.segments)
            found.append(_mean_square(rates))
        return torch.stack(found)


def inputs_of(batch: Any, rep_in: Type) -> Sample:
    """The inputs of a batch, of that type: x of a collection, the batch itself, or what it begins with."""
    if not isinstance(batch, Tensor | tuple | list | dict) and hasattr(batch, "x"):
        return Sample(batch.x, rep_in, getattr(batch, "segments", None))
    parts: Sequence[Any] = batch if isinstance(batch, tuple | list) else ()
    segments = next((part for part in parts if isinstance(part, Segments)), None)
    if isinstance(rep_in, tuple):
        x: Any = batch[0] if isinstance(batch[0], tuple) else batch
    elif isinstance(rep_in, dict):
        x = batch if isinstance(batch, dict) else batch[0]
    else:
        x = rows(batch)
    return Sample(x, rep_in, segments)


def _mean_square(found: Any, wanted: Any = None) -> Tensor:
    """Of all numbers, over the parts of a tree."""
    ones, others = tree.tree_leaves(found), [] if wanted is None else tree.tree_leaves(wanted)
    gaps = [one - other for one, other in zip(ones, others, strict=True)] if others else ones
    if len(gaps) == 1:
        return gaps[0].square().mean()
    return torch.cat([gap.flatten() for gap in gaps]).square().mean()


def rows(batch: Any) -> Float[Tensor, "B ..."]:
    """The inputs of a batch: the batch itself, or the first of its parts."""
    x = batch[0] if isinstance(batch, (tuple, list)) else batch
    if not isinstance(x, Tensor):
        raise DomainError(f"a batch of type {type(x).__name__}", "a tensor (B, n), or a tuple that begins with one")
    return x
