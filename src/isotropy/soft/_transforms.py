"""What may be done to a row of data: transformations with a law to draw them from, of any group, one after another."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import IsotropyError, SchemaError, ShapeError
from isotropy.groups import Draws, Element, Group, Haar, Measure, parse
from isotropy.reps import Type, act, parse_type, written_type


class TransformSet(ABC):
    """Transformations of rows, and the law from which they are proposed; a subclass with these verbs is enough.

    Parameters t are a dataclass of tensors ``(n, ...)``, one for each row; ``apply`` is a function of t and x alone,
    and keeps the shape of x. Source: specification 09 §3.

    >>> @dataclass
    ... class Shift:
    ...     by: Tensor
    >>> class Shifts(TransformSet):
    ...     name = "shifts"
    ...     def sample(self, n, generator): return Shift(torch.randint(5, (n,), generator=generator))
    ...     def apply(self, t, x): return x + t.by[:, None]
    ...     def log_density(self, t): return torch.full((len(t.by),), -math.log(5))
    >>> Shifts().apply(Shift(torch.tensor([1, 2])), torch.zeros(2, 1)).tolist()
    [[1.0], [2.0]]
    """

    name: str

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Any:
        """The parameters of n transformations."""

    @abstractmethod
    def apply(self, t: Any, x: Tensor) -> Tensor:
        """The rows x, each transformed by its own."""

    @abstractmethod
    def log_density(self, t: Any) -> Float[Tensor, " n"]:
        """The log density of the proposals."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that there are; the set as a whole where a subclass does not tell them apart."""
        return (self.name,)

    def strengths(self, t: Any) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
        """Of which kind each transformation is, and how strong, 0 or more: what `Selections` counts.

        Where there is no telling how strong one is, NaN: those are counted apart.
        """
        n = _count(t)
        return torch.zeros(n, dtype=torch.int64), torch.zeros(n)


@dataclass(frozen=True)
class Moved:
    """One element of a group for each row."""

    g: Element


class GroupTransforms(TransformSet):
    """The elements of a ``measure`` (a compact group stands for its Haar measure) acting on rows of a ``type``.

    Raises DomainError for a group without a uniform law, which needs a Window.

    >>> turns = GroupTransforms("SO(2)", "Vector")
    >>> t = turns.sample(3, torch.Generator().manual_seed(0))
    >>> turns.name, turns.apply(t, torch.ones(3, 2)).norm(dim=1).allclose(torch.full((3,), 2**0.5))
    ('SO(2) on Vector', True)
    """

    def __init__(self, measure: Measure | Group | str, type: Type | str, name: str = "") -> None:
        self.measure: Measure = measure if isinstance(measure, Measure) else Haar(parse(measure))
        group = Draws.of(self.measure, 1).group
        self.group, self.type = group, parse_type(type)
        self.name = name or f"{group} on {written_type(self.type)}"

    def sample(self, n: int, generator: torch.Generator) -> Moved:
        return Moved(self.measure.draw(n, generator))

    def apply(self, t: Moved, x: Tensor) -> Tensor:
        g = tree.tree_map(lambda part: part.to(x) if part.is_floating_point() else part.to(x.device), t.g)
        return act(self.type, self.group, g, x)

    def log_density(self, t: Moved) -> Float[Tensor, " n"]:
        """Zero: the density with respect to the measure itself."""
        return torch.zeros(len(tree.tree_leaves(t.g)[0]), dtype=torch.float64)

    def strengths(self, t: Moved) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
        """The norm of the coordinates of each element: NaN for one that has none, 0 in a group without any."""
        n = len(tree.tree_leaves(t.g)[0])
        return torch.zeros(n, dtype=torch.int64), _lengths(self.group, t.g, n) if self.group.dim else torch.zeros(n)


@dataclass(frozen=True)
class Several:
    """The parameters of several transformations of each row, and, where one of them is chosen, of which."""

    parts: tuple[Any, ...]
    which: Int[Tensor, " n"] | None = None


class _Sets(TransformSet):
    """Several sets of transformations, named with a word ``between`` them."""

    between: ClassVar[str]

    def __init__(self, *parts: TransformSet, name: str = "") -> None:
        if not parts:
            raise SchemaError("no transformations", "one set or more")
        self.parts = parts
        self.name = name or self.between.join(part.name for part in parts)

    def _densities(self, t: Several) -> Float[Tensor, "parts n"]:
        return torch.stack([part.log_density(one) for part, one in zip(self.parts, t.parts, strict=True)])


class Compose(_Sets):
    """Transformations one after another, drawn independently.

    >>> both = Compose(GroupTransforms("SO(2)", "Vector"), GroupTransforms("O(1)@x", "Vector"))
    >>> both.name
    'SO(2) on Vector, then O(1)@x on Vector'
    """

    between = ", then "

    def sample(self, n: int, generator: torch.Generator) -> Several:
        return Several(tuple(part.sample(n, generator) for part in self.parts))

    def apply(self, t: Several, x: Tensor) -> Tensor:
        for part, parameters in zip(self.parts, t.parts, strict=True):
            x = part.apply(parameters, x)
        return x

    def log_density(self, t: Several) -> Float[Tensor, " n"]:
        return self._densities(t).sum(0)


class Choice(_Sets):
    """One of several sets of transformations for each row, each as likely as the others.

    >>> Choice(GroupTransforms("SO(2)", "Vector"), GroupTransforms("O(1)@x", "Vector")).name
    'SO(2) on Vector or O(1)@x on Vector'
    """

    between = " or "

    def sample(self, n: int, generator: torch.Generator) -> Several:
        which = torch.randint(len(self.parts), (n,), generator=generator, device=generator.device)
        return Several(tuple(part.sample(n, generator) for part in self.parts), which)

    def apply(self, t: Several, x: Tensor) -> Tensor:
        assert t.which is not None
        result = torch.empty_like(x)
        for i, (part, parameters) in enumerate(zip(self.parts, t.parts, strict=True)):
            rows = (t.which == i).nonzero().flatten()
            if len(rows):
                result[rows] = part.apply(taken(parameters, rows), x[rows])
        return result

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts)

    def strengths(self, t: Several) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
        """Which of the sets was chosen."""
        assert t.which is not None
        return t.which, torch.zeros(len(t.which))

    def log_density(self, t: Several) -> Float[Tensor, " n"]:
        assert t.which is not None
        return self._densities(t).gather(0, t.which[None])[0] - math.log(len(self.parts))


def _lengths(group: Group, g: Element, n: int) -> Float[Tensor, " n"]:
    try:
        return group.coords(g).norm(dim=-1)
    except IsotropyError:
        if n == 1:
            return torch.full((1,), math.nan)
    # One without coordinates, as a mirror in O(2), says nothing of the others.
    alone = [tree.tree_map(lambda part, i=i: part[i : i + 1], g) for i in range(n)]
    return torch.cat([_lengths(group, one, 1).double() for one in alone])


# Parameters as rows.
def over_tensors(f: Callable[..., Tensor], *ts: Any) -> Any:
    """``f`` of the tensors at each place of dataclasses of tensors (and tuples of such) of one form."""
    first = ts[0]
    if first is None:
        return None
    if isinstance(first, Tensor):
        return f(*ts)
    if isinstance(first, tuple):
        return tuple(over_tensors(f, *parts) for parts in zip(*ts, strict=True))
    if not is_dataclass(first) or isinstance(first, type):
        given = f"parameters of type {type(first).__name__}"
        raise ShapeError(given, "a dataclass of tensors (n, ...)", "write @dataclass above the class of parameters")
    return type(first)(**{part.name: over_tensors(f, *(getattr(t, part.name) for t in ts)) for part in fields(first)})


def _count(t: Any) -> int:
    sizes: list[int] = []

    def seen(part: Tensor) -> Tensor:
        sizes.append(len(part))
        return part

    over_tensors(seen, t)
    return sizes[0]


def taken(t: Any, rows: Int[Tensor, " m"]) -> Any:
    """The parameters of some rows.

    >>> taken(Moved(torch.tensor([[1.0], [2.0]])), torch.tensor([1])).g.tolist()
    [[2.0]]
    """
    return over_tensors(lambda part: part[rows.to(part.device)], t)


def joined(ts: Sequence[Any]) -> Any:
    """The parameters of several batches as one."""
    return over_tensors(lambda *parts: torch.cat(parts), *ts)


def chosen(accept: Tensor, new: Any, old: Any) -> Any:
    """Row by row the parameters ``new`` where accepted, else ``old``."""

    def pick(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(accept.to(a.device).reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return over_tensors(pick, new, old)
