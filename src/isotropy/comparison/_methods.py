"""The ways to use a symmetry that are compared, and why one does not exist for a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from isotropy.errors import IsotropyError, SchemaError
from isotropy.estimate import Estimate
from isotropy.frames.parts import canonical_frame, pose_frame
from isotropy.groups import SE, SO, E, Group, O, T
from isotropy.nn import EMLP
from isotropy.random import spawn
from isotropy.report import Tone
from isotropy.reps import linear_part
from isotropy.study import Candidate, Finding, Problem, penalised

Kind = Literal["plain", "augmentation", "soft", "frames", "coordinates", "layers"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EXACT = ("frames", "coordinates", "layers", "given parts", "found parts")
_OWN_SOFT = "penalties are placed on the layers of our network, and their strengths are those of squared errors"
_NOT_SOFT = "no candidate acts by orthogonal matrices without translating, so no weights of a layer are nearest to it"


@dataclass(frozen=True)
class Method:
    """One row of the comparison; ``group`` is printed, empty for plain and soft; ``missing`` says why it is not run.

    ``nearly`` says that the kind is exact elsewhere, but not here.
    """

    kind: str
    group: str = ""
    missing: str = ""
    nearly: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind} {self.group}".strip()

    @property
    def exact(self) -> bool:
        """Whether its models are symmetric whatever their weights."""
        return self.kind in EXACT and not self.nearly


Standing = Literal["recommended", "best", "as good", "undecided", "worse", "not run"]
STANDINGS: Mapping[Standing, tuple[Tone, str, str]] = {
    "recommended": ("holds", "●", "The method to take, by the rule below."),
    "best": ("small", "◕", "The lowest error of all."),
    "as good": ("small", "◑", "Within 1 % of the lowest error, or within 10 % and not shown to be worse."),
    "undecided": (
        "open",
        "◔",
        "Not shown to be worse, and yet more than 10 % above the lowest error, or behind another method for its group "
        "that is worse.",
    ),
    "worse": ("broken", "○", "Shown to be worse than the best on the same rows."),
    "not run": ("silent", "–", "There is no such method for this group; the reason stands in the report."),
}


@dataclass(frozen=True, repr=False)
class MethodFinding(Finding):
    """One method: held-out error in the unit of the targets with its 95 % interval, and what it took.

    ``excess`` and ``p_best`` compare with the best, ``excess_plain`` and ``p_plain`` with the plain network (relative
    differences of errors; p-values of paired tests, Holm-corrected). ``equivariance_error`` is under
    ``equivariance_group``. ``accuracy`` is the share of rows whose class is right, None where targets are no classes.
    ``seconds`` are processor seconds of training, all folds together, and
    ``row_seconds`` of predicting one row; ``peak_mb`` is what tensors take in one step. ``missing`` says why a method
    was not run; its figures are then None.
    """

    shown: ClassVar[tuple[str, ...]] = ("standing", "error", "excess", "accuracy", "missing")
    name: str
    kind: str
    group: str
    standing: Standing
    error: Estimate | None = field(default=None, metadata={"headline": ("n",)})
    excess: float | None = None
    p_best: float | None = None
    excess_plain: float | None = None
    p_plain: float | None = None
    equivariance_error: float | None = None
    equivariance_group: str = ""
    accuracy: Estimate | None = None
    seconds: float | None = None
    row_seconds: float | None = None
    peak_mb: float | None = None
    parameters: int | None = None
    fold_errors: tuple[float, ...] = ()
    best_steps: tuple[int, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Budget:
    """What every method may spend: folds, steps and batches are the same for all.

    ``width`` is the network's, ``channels`` and ``blocks`` are those of exact layers.
    """

    folds: int = 5
    steps: int = 1500
    batch: int = 128
    width: int = 128
    depth: int = 1
    channels: int = 64
    blocks: int = 2

    @classmethod
    def of(cls, rows: int, *, quick: bool = False) -> Budget:
        """Fewer steps and narrower exact layers for long tables; a quick look takes fewer folds, too.

        >>> Budget.of(1000).steps, Budget.of(36_000).steps, Budget.of(1000, quick=True).folds
        (1500, 1000, 3)
        """
        if quick:
            return cls(folds=3, steps=500, width=64, channels=32)
        return cls() if rows <= 5000 else cls(steps=1000, channels=32)


def kinds_of(listed: str | Sequence[str] | None, known: tuple[str, ...] = KINDS) -> tuple[Any, ...]:
    """The kinds of methods asked for, "plain" always among them; raises SchemaError for another word than ``known``.

    >>> kinds_of("frames,layers")
    ('plain', 'frames', 'layers')
    """
    if listed is None:
        return known
    words = [str(word).strip() for word in (listed.split(",") if isinstance(listed, str) else listed)]
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        raise SchemaError(
            f"methods {unknown or 'none'}", "some of " + ", ".join(known), f"methods={','.join(known[1:3])!r}"
        )
    return tuple(kind for kind in known if kind == "plain" or kind in words)


def methods_of(problem: Problem, kinds: Sequence[Kind] = KINDS, *, own: bool = False) -> tuple[Method, ...]:
    """Every method of these kinds for the candidates of a problem, in the order of KINDS, then of the candidates.

    With a network or a loss of one's ``own`` there is no soft one.
    """
    found: list[Method] = []
    for kind in kinds:
        if kind == "plain":
            found.append(Method("plain"))
        elif kind == "soft":
            missing = _OWN_SOFT if own else "" if penalised(problem) else _NOT_SOFT
            found.append(Method("soft", missing=missing))
        else:
            found += [Method(kind, c.name, _missing(problem, kind, c)) for c in problem.candidates]
    return tuple(found)


def _missing(problem: Problem, kind: Kind, candidate: Candidate) -> str:
    if kind == "augmentation":
        return ""
    try:
        if kind == "layers":
            return _layers(problem, candidate.group)
        make = pose_frame if kind == "frames" else canonical_frame
        make(candidate.group, problem.rep_in, problem.rep_out)
    except IsotropyError as error:
        return str(error)
    return ""


def _layers(problem: Problem, group: Group) -> str:
    """Why exact layers do not exist."""
    if isinstance(group, T):
        return f"{group} asks nothing of layers on Points seen from their centroid, which is what frames {group} are"
    if group.affine and not isinstance(group, SE):
        return f"no layers are known for {group}"
    rep_in, rep_out = linear_part(problem.rep_in), linear_part(problem.rep_out)
    if isinstance(group, SE):
        pose_frame(T(group.degree).on(group.space), problem.rep_in, problem.rep_out)
    turning = acting(group)
    if not (turning.compact and rep_in.orthogonal(turning) and rep_out.orthogonal(turning)):
        return f"{group} does not act by orthogonal matrices, which gates and products of features need"
    EMLP(rep_in, rep_out, turning, ch=4, depth=1, generator=spawn(0, "layers"))
    return ""


def acting(group: Group) -> Group:
    """What a group does to differences of Points: O(d) for E(d), itself where it does not translate."""
    if isinstance(group, SE):
        return (O if isinstance(group, E) else SO)(group.degree).on(group.space)
    return group
