"""What passes between the modules of a network, how it moves when the inputs do, and where in space it stands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.measure._sample import Sample
from isotropy.reps import Cloud, Field, Indexed, Pairs, Scalar


@dataclass(frozen=True, eq=False)
class Passed:
    """A tensor that a module made: its output, or what its own forward gave to the part named ``before``.

    ``h`` are its rows (those of the inputs, their points or edges), and ``moves`` say how it moves for each generator
    or element; both are None where it holds no numbers.
    """

    name: str
    module: nn.Module
    before: str | None
    h: Tensor | None
    moves: Float[Tensor, "k ..."] | None


_Note = Callable[[nn.Module, nn.Module | None, Any], None]  # the maker, the part that takes it, what passes


def passing(model: nn.Module, motion: Any, sample: Sample) -> list[Passed]:
    """All that passes between modules, in its order; what is passed on as it came stands once."""
    names = {module: name for name, module in model.named_modules()}
    known: list[Any] = list(sample.floats)
    makers: list[nn.Module | None] = [None for _ in known]
    made: list[tuple[nn.Module, nn.Module | None]] = []
    kept: list[bool] = []  # of all that passes: whether it is new

    def first(maker: nn.Module, taker: nn.Module | None, value: Any) -> None:
        new = taker is None or (_numbers(value) and not any(value is other for other in known))
        kept.append(new)
        if new:
            # A part, or another shape, of what a module gave before is that module's.
            earlier = [] if taker is None else [m for m, v in zip(makers, known, strict=True) if _shared(v, value)]
            before = earlier[-1] if earlier else None
            known.append(value)
            makers.append(maker if taker is None else before)
            made.append((maker, taker) if before is None else (before, None))

    with ExitStack() as hooks:
        _hooked(model, first, hooks)
        sample.call(model)

    def run(*args: Any, **named: Any) -> tuple[Tensor, ...]:
        seen: list[Any] = []
        new = iter(kept)
        with ExitStack() as hooks:
            # Copies, since the next module may write into it.
            _hooked(model, lambda _, __, value: seen.append(_copy(value)) if next(new) else None, hooks)
            model(*args, **named)
        return tuple(value for value in seen if _numbers(value))

    places = [i for i, value in enumerate(known[len(sample.floats) :]) if _numbers(value)]
    known.clear()

    def placed(outputs: tuple[Tensor, ...]) -> dict[int, Tensor]:
        return dict(zip(places, outputs, strict=True))

    values, moves = placed(sample.call(run)), [placed(each) for each in motion.of(run)]
    found: list[Passed] = []
    for i, (maker, taker) in enumerate(made):
        before = None if taker is None else names[taker]
        h = stack = None
        if i in values and values[i].ndim:
            h, stack = values[i], torch.stack([each[i] for each in moves])
            h, stack = (h[:, None], stack[..., None]) if h.ndim == 1 else (h, stack)
        found.append(Passed(names[maker], maker, before, h, stack))
    return found


def _numbers(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _shared(one: Any, other: Tensor) -> bool:
    """Whether both are views of the same numbers."""
    return _numbers(one) and one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _hooked(model: nn.Module, note: _Note, hooks: ExitStack) -> None:
    """Calls ``note`` for whatever the parts of the model take and give while it runs."""
    running: list[nn.Module] = [model]

    def enters(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        for value in tree.tree_leaves((args, named)):
            note(running[-1], module, value)
        running.append(module)

    def leaves(module: nn.Module, _: Any, out: Any) -> None:
        running.pop()
        for value in tree.tree_leaves(out) or [None]:
            note(module, None, value)

    for module in model.modules():
        if module is not model:
            hooks.enter_context(module.register_forward_pre_hook(enters, with_kwargs=True))
            hooks.enter_context(module.register_forward_hook(leaves))


def view_of(motion: Any, sample: Sample, h: Tensor) -> Indexed | None:
    """The points or pixels that h seems to stand at: as many as those of the inputs, or any image; else None."""
    for type_, value in sample.leaves:
        if isinstance(type_, Field) and h.ndim == value.ndim:
            view = Field(h.shape[1] * Scalar)
            try:
                motion.still(view, h)
            except DomainError:  # the grid of h is not kept where that of x is
                return None
            return view
        if isinstance(type_, Cloud | Pairs) and sample.segments is None and h.shape[1:2] == value.shape[1:2]:
            if isinstance(type_, Pairs) and h.ndim > 3 and h.shape[2] == h.shape[1]:
                return Pairs()
            if h.ndim > 2:
                return Cloud()
    return None


def by_place(view: Indexed | None, h: Tensor) -> Float[Tensor, "places features"]:
    """The features of each row, or of each point, pair or pixel of it."""
    if isinstance(view, Field):
        return h.movedim(1, -1).flatten(0, -2)
    places = 2 if isinstance(view, Pairs) else 1 if isinstance(view, Cloud) else 0
    return h.flatten(0, places).flatten(1)
