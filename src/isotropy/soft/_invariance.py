"""Augmentation that tunes itself: a bound on the loss under transformations that the model finds hard."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase  # pyright: ignore[reportPrivateUsage]
from torch.nn.modules.instancenorm import _InstanceNorm  # pyright: ignore[reportPrivateUsage]

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.random import counter
from isotropy.soft._constraint import Constraint
from isotropy.soft._draw import Drawn, check_draws, draw
from isotropy.soft._rules import Rule, StepInfo
from isotropy.soft._selections import Selections
from isotropy.soft._transforms import TransformSet

BatchLoss = Callable[[nn.Module, Any], Tensor | Mapping[str, Tensor]]
Target = Callable[[Any, Any], Any]


class InvarianceConstraint(Constraint):
    """Keeps the loss under ``transforms``, as the model finds them hard, at or below ``bound`` (in the loss's unit).

    At each step one transformation is drawn for each row (``draw``: ``steps``, ``sampler``), the loss of the moved rows
    less the bound enters the objective at the price of the multiplier, and ``multiplier`` (a rule, by default
    ``Ascent(lr=1e-4)``) raises the price while the bound is missed. It starts at zero: augmentation is off until it is
    needed. ``fit`` hands over the loss that it trains; ``loss=`` is another one, ``loss(model, batch) -> (B,)``.

    Batches are tuples ``(x, y, ...)`` or rows with fields x and y. ``target(t, y)`` moves labels along (masks, boxes),
    as ``GroupTransforms(measure, "Field(Scalar)").apply`` does. ``ids(batch)`` numbers rows ``(B,)``: a row is then
    moved alike whatever stands beside it. ``mixture=True`` trains in one pass: each row is taken moved with probability
    ``multiplier / (1 + multiplier)``, and the loss is scaled so that its gradient is in expectation that of both.

    With ``count_selections=True``, ``selections.rows()`` tell which kinds and strengths were selected, how often beside
    how often they were proposed, and the mean loss under them.

    Passes of the constraint leave no trace: layers that draw (dropout) are off, batch norms take the statistics of the
    batch at hand without remembering them, and hard transformations are sought with the remembered ones. A bound that
    is never reached leaves weights and statistics bit for bit those of training without it.

    Raises DomainError for a bound that is not above 0, SchemaError for labels that look like pictures without target=.
    Source: Hounie, Chamon, Ribeiro, ICML 2023; specification 09 §2.4.

    >>> from isotropy.soft import GroupTransforms
    >>> InvarianceConstraint(GroupTransforms("SO(2)", "Field(Scalar)"), bound=0.5).names
    ('SO(2) on Field(Scalar)',)
    """

    distinct = True

    def __init__(
        self,
        transforms: TransformSet,
        bound: float,
        *,
        steps: int = 2,
        sampler: str = "mh",
        multiplier: Rule | None = None,
        mixture: bool = False,
        loss: BatchLoss | None = None,
        target: Target | None = None,
        ids: Callable[[Any], Tensor] | None = None,
        count_selections: bool = False,
    ) -> None:
        if not (bound > 0 and math.isfinite(bound)):
            hint = "suggest_bound(loss without transformations, classes) is one"
            raise DomainError(f"bound={bound}", "a loss above 0, in its own unit (nats for cross entropy)", hint)
        check_draws(steps, sampler)
        hard = _HardLoss(transforms, steps, sampler, loss, target, ids)
        super().__init__(hard, bound, multiplier)
        self.hard, self.transforms, self.mixture = hard, transforms, mixture
        self._own_loss = loss is not None
        self._mixed: Tensor | None = None
        self._acceptance, self._draws = 0.0, 0
        # Strengths may be matrix logarithms, one for each row of each step: nobody pays for them who does not ask.
        self._selections = Selections() if count_selections else None

    @property
    def selections(self) -> Selections:
        """The counts of what was selected; raises DomainError where they were not asked for."""
        if self._selections is None:
            raise DomainError("selections that were not counted", "InvarianceConstraint(..., count_selections=True)")
        return self._selections

    def set_loss(self, loss: BatchLoss) -> None:
        """Takes the loss of a training, unless it was given one."""
        if not self._own_loss:
            self.hard.loss = loss

    def mixed(self, model: nn.Module, batch: Any, generator: torch.Generator) -> Any:
        """With ``mixture`` some rows are moved, each with probability ``multiplier / (1 + multiplier)``."""
        if not self.mixture:
            return batch
        drawn = self._noted(self.hard.drawn(model, batch, generator))
        self._mixed = drawn.loss.mean()
        weight = float(self.multiplier)
        x, y = _parts(batch)
        if self.hard.ids is None:
            u = torch.rand(len(x), generator=generator, device=generator.device)
        else:
            seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
            u = counter(seed, self.hard.ids(batch), ())
        rows = (u * (1 + weight) < weight).to(x.device)
        if not bool(rows.any()):
            return batch
        both = torch.where(rows.reshape(-1, *[1] * (x.ndim - 1)), drawn.x, x)
        if self.hard.target is not None:
            there = self.hard.target(drawn.params, y)
            y = torch.where(rows.reshape(-1, *[1] * (y.ndim - 1)), there, y)
        return _with(batch, both, y)

    @property
    def scale(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the loss of a mixed batch is multiplied by: 1 plus the multiplier; else 1."""
        return 1 + float(self.multiplier) if self.mixture else 1.0

    def term(self, model: nn.Module, batch: Any, generator: torch.Generator | None = None) -> Tensor:
        if not self.mixture:
            self.hard.latest = None
            term = super().term(model, batch, generator)
            if self.hard.latest is not None:  # a multiplier that stays at zero does not ask
                self._noted(self.hard.latest)
            return term
        if self._mixed is None:
            raise DomainError("mixture=True in a step of the task's own", "the inherited step of Task", "mixture=False")
        value, self._mixed = self._mixed, None
        self._batch, self._generator = batch, generator
        self._keep(value)
        return torch.zeros_like(value)

    def after_epoch(self, info: StepInfo) -> None:
        super().after_epoch(info)
        self.history[-1]["acceptance"] = self._acceptance / max(self._draws, 1)
        self._acceptance, self._draws = 0.0, 0

    def state_dict(self) -> dict[str, Any]:
        own: dict[str, Any] = {"acceptance": self._acceptance, "draws": self._draws}
        if self._selections is not None:
            own["selections"] = self._selections.state_dict()
        return super().state_dict() | own

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._acceptance, self._draws = float(state["acceptance"]), int(state["draws"])
        if self._selections is not None and "selections" in state:  # not in states of others
            self._selections.load_state_dict(state["selections"])

    def _noted(self, drawn: Drawn) -> Drawn:
        self._acceptance += drawn.acceptance
        self._draws += 1
        if self._selections is not None:
            self._selections.add(self.transforms, drawn.first, drawn.first_loss, drawn.params)
        return drawn


@dataclasses.dataclass(eq=False)
class _HardLoss:
    """The penalty: the mean loss of rows moved by what is hard for the model."""

    transforms: TransformSet
    steps: int
    sampler: str
    loss: BatchLoss | None
    target: Target | None
    ids: Callable[[Any], Tensor] | None
    latest: Drawn | None = None

    @property
    def names(self) -> tuple[str]:
        return (self.transforms.name,)

    def __call__(self, model: nn.Module, batch: Any, generator: torch.Generator | None) -> Float[Tensor, ""]:
        drawn = self.latest = self.drawn(model, batch, generator)
        if not torch.is_grad_enabled() and not _remembers(model):
            return drawn.loss.mean()  # the last pass was this one
        with untraced(model):
            return self._rows(model, self._moved(batch, drawn.params, drawn.x)).mean()

    def drawn(self, model: nn.Module, batch: Any, generator: torch.Generator | None) -> Drawn:
        """The draw for each row of a batch, with the model as it is used."""
        x, y = _parts(batch)
        self._refuse(x, y)
        with untraced(model, remembered=True):
            return draw(
                lambda moved, y: self._rows(model, _with(batch, moved, y)), x, y, self.transforms,
                steps=self.steps, sampler=self.sampler, generator=self._streams(batch, generator),
                target=self.target,
            )  # fmt: skip

    def _streams(self, batch: Any, generator: torch.Generator | None) -> torch.Generator | list[torch.Generator]:
        generator = torch.default_generator if generator is None else generator
        if self.ids is None:
            return generator
        # One number for the step, then for each row a stream that knows nothing of the others.
        step = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        return row_streams(step, self.ids(batch))

    def _moved(self, batch: Any, t: Any, x: Tensor) -> Any:
        y = _parts(batch)[1]
        return _with(batch, x, y if self.target is None else self.target(t, y))

    def _rows(self, model: nn.Module, batch: Any) -> Float[Tensor, " B"]:
        if self.loss is None:
            raise SchemaError("a constraint without a loss", "fit(..., constraints=[...]), or loss=")
        given = self.loss(model, batch)
        values = given if isinstance(given, Tensor) else sum(given.values())
        if not isinstance(values, Tensor) or values.ndim != 1:
            shape = tuple(values.shape) if isinstance(values, Tensor) else values
            hint = "reduction='none'; losses of whole batches cannot tell which rows are hard"
            raise ShapeError(f"a loss of shape {shape}", "one number for each row, (B,)", hint)
        return values

    def _refuse(self, x: Tensor, y: Any) -> None:
        if self.target is None and isinstance(y, Tensor) and y.ndim >= 3 and y.shape[-2:] == x.shape[-2:]:
            hint = 'target=GroupTransforms(measure, "Field(Scalar)").apply; lambda t, y: y where labels stay in place'
            raise SchemaError(f"labels of shape {tuple(y.shape)}, as large as the pictures, without target=", "", hint)


def row_streams(seed: int, ids: Int[Tensor, " B"]) -> list[torch.Generator]:
    """A generator for each row, which depends on the seed and the number of the row alone.

    >>> a, b = row_streams(0, torch.tensor([5, 7])), row_streams(0, torch.tensor([7]))
    >>> torch.equal(torch.rand(3, generator=a[1]), torch.rand(3, generator=b[0]))
    True
    """
    seeds = (counter(seed, ids, ()) * 2**53).long().tolist()
    return [torch.Generator().manual_seed(one) for one in seeds]


@contextmanager
def untraced(model: nn.Module, *, remembered: bool = False) -> Generator[None]:
    """The model with everything that draws or remembers switched off; norms see the batch, or what they remember.

    What batch norms remember is not put back afterwards, which would break the backward pass of an earlier call: it is
    not touched at all.
    """
    modes = [(module, module.training) for module in model.modules()]
    tracked: list[Any] = []
    hidden: list[tuple[dict[str, Tensor | None], dict[str, Tensor | None]]] = []
    for module, training in modes:
        if training:
            module.training = False
            if isinstance(module, _NormBase) and not remembered and module.track_running_stats:
                module.training, module.track_running_stats = True, False
                tracked.append(module)
                if isinstance(module, _InstanceNorm):  # it moves what it remembers whatever it is told
                    buffers = module._buffers
                    hidden.append((buffers, {name: buffers[name] for name in ("running_mean", "running_var")}))
                    buffers.update(dict.fromkeys(("running_mean", "running_var")))
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for module in tracked:
            module.track_running_stats = True
        for buffers, kept in hidden:
            buffers.update(kept)


def _remembers(model: nn.Module) -> bool:
    """Whether a batch norm makes the two kinds of untraced passes differ."""
    return any(isinstance(module, _NormBase) and module.training for module in model.modules())


def _parts(batch: Any) -> tuple[Tensor, Any]:
    """What is moved, and what else the loss of a row may be asked with."""
    if isinstance(batch, Tensor):
        return batch, None
    if isinstance(batch, tuple | list) and batch and isinstance(batch[0], Tensor):
        several = cast(Sequence[Any], batch)
        return several[0], several[1] if len(several) > 1 else None
    if dataclasses.is_dataclass(batch) and isinstance(getattr(batch, "x", None), Tensor):
        return cast(Any, batch).x, getattr(batch, "y", None)
    raise SchemaError(f"a batch of type {type(batch).__name__}", "(x, y), or rows with fields x and y")


def _with(batch: Any, x: Tensor, y: Any) -> Any:
    """The batch with other inputs and labels."""
    if isinstance(batch, Tensor):
        return x
    if isinstance(batch, tuple | list):
        rest = cast(Sequence[Any], batch)[1:]
        return (x, *((y, *rest[1:]) if rest else ()))
    return dataclasses.replace(batch, x=x) if y is None else dataclasses.replace(batch, x=x, y=y)


def suggest_bound(clean: float, classes: int, fraction: float = 0.5) -> float:
    """A bound for cross entropy: ``fraction`` of the way from the ``clean`` loss (nats) to that of guessing.

    Raises DomainError for fewer than two classes, or a clean loss that is not below guessing (ln of the classes).
    Source: specification 09 §2.7.

    >>> round(suggest_bound(0.1, 10), 3)
    1.201
    """
    if classes < 2 or not 0 < fraction < 1:
        raise DomainError(f"classes={classes}, fraction={fraction}", "2 classes or more, 0 < fraction < 1")
    chance = math.log(classes)
    if not 0 <= clean < chance:
        raise DomainError(f"a clean loss of {clean:.3g}", f"one below guessing, ln {classes} = {chance:.3g} nats")
    return clean + fraction * (chance - clean)
