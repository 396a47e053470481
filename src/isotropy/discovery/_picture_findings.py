"""What a discovery on pictures finds: one record for each candidate, and the pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from isotropy.discovery._verdicts import Verdict
from isotropy.estimate import Estimate
from isotropy.study import Finding


@dataclass(frozen=True)
class Range:
    """The strengths, from ``low`` to ``high`` in ``unit``, at which the error stays within the tolerance."""

    low: float
    high: float
    unit: str


@dataclass(frozen=True, repr=False)
class PictureFinding(Finding):
    """Everything that was learnt about one candidate, by its ``name``: three columns that are never merged.

    *What the data say*: ``breaking``, a share of the signal that networks explain (one-sided 95 % ends, confidence
    0.90), read where moved pictures look like pictures of the data; ``overlap``, the share of moved pictures that do,
    surely ``overlap_low``; ``p_adjusted``, ``test`` and the ``verdict``. *What the task tolerates*: ``range`` of a
    network trained with the constraint, ``range_plain`` of one trained without (None for candidates without an axis),
    ``errors`` and ``errors_plain`` of ``asked`` pictures at ``strengths`` (in ``unit``; at ``rest`` nothing moves).
    *What insisting costs*: ``multiplier`` for the ``bound``, which is a price only where ``settled``, else accumulated
    violation, and ``cost_accuracy``, accuracy lost on unmoved pictures (95 % ends ``cost_low``, ``cost_high``).
    ``inputs_invariant`` says whether moved pictures occur as others do, ``p_value`` is that before correction,
    ``explained`` the share of the classes' variation that networks explain, ``note`` what the verdict leaves open,
    ``acceptance`` the share of proposals accepted, ``multipliers`` are those by training and epoch.
    ``selected`` are, for each strength, the shares of it among what was proposed and among what training selected, and
    the mean loss of pictures under it.
    """

    shown: ClassVar[tuple[str, ...]] = ("verdict", "breaking", "overlap", "cost_accuracy")
    name: str
    breaking: Estimate = field(metadata={"headline": ("n", "confidence")})
    verdict: Verdict
    overlap: float
    inputs_invariant: bool
    p_value: float
    p_adjusted: float
    test: Literal["randomisation", "estimate"]
    explained: float
    note: str
    range: Range | None
    range_plain: Range | None
    multiplier: float
    settled: bool
    cost_accuracy: float
    cost_low: float
    cost_high: float
    bound: float
    acceptance: float
    strengths: tuple[float, ...]
    rest: float
    unit: str
    errors: tuple[float, ...]
    errors_plain: tuple[float, ...]
    asked: int
    multipliers: tuple[tuple[float, ...], ...] = ()
    overlap_low: float = 0.0
    selected: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def unreliable(self) -> bool:
        """Whether the figures of the data say nothing about the world, and are shown greyed."""
        return self.verdict in ("not identifiable", "no signal")


@dataclass(frozen=True)
class Shown:
    """Pictures beside one candidate: one at five strengths; two that contradict each other, and the moved one."""

    strip: Sequence[tuple[float, Any]] = ()
    contradiction: tuple[Any, Any, Any] | None = None
    labels: tuple[str, str] = ("", "")
