"""What is conserved, as blocks of the report: a sentence, a table, and J(t) beside a generator that is no symmetry."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from isotropy.discovery._conserved import Conserved, Motions
from isotropy.dynamics import Fit, Quantity, Trajectories
from isotropy.report import Block, Chip, Column, Curve, Curves, Interval, Table, Text, Tone

_TRACKS = 10
_NO_SYMMETRY = "a generator that is no symmetry"
_POINTS = 120  # of a curve; more would not be seen
_OTHERS = (
    "Lagrangians of another form, as of magnetic forces or of masses that vary, were not tried: a network that learns "
    "one trains for a minute or more, and tells what it conserves less surely. isotropy.dynamics.fit_network(moments) "
    "learns it, laws_of(moments, lagrangian=...) says what it conserves."
)
_CHIPS = {
    "conserved": Chip(
        "conserved", "holds", "●", "It drifts no more than noise explains, or a hundred times less than the floor."
    ),
    "symmetry of the equations only": Chip(
        "equations only",
        "partial",
        "◑",
        "A symmetry of the equations only: it takes motions to motions and conserves nothing, because it changes the "
        "action, or because no Lagrangian fits.",
    ),
}


def conserved_sentence(found: Sequence[Conserved]) -> str:
    """What is conserved, in one sentence; empty where nothing was asked.

    >>> conserved_sentence([])
    ''
    """
    if not found:
        return ""
    kept = [each for each in found if each.verdict == "conserved"]
    only = [each.name for each in found if each.verdict == "symmetry of the equations only"]
    rest = f"; of the equations only: {', '.join(only)}" if only else ""
    for note in dict.fromkeys(each.note for each in found if each.verdict == "undecided"):
        names = ", ".join(each.name for each in found if each.verdict == "undecided" and each.note == note)
        rest += f"; undecided: {names}" + (f" ({note})" if note else "")
    if not kept:
        return f"No quantity is conserved on these motions{rest}."
    told = ", ".join(f"{each.name} (drift {each.drift:.2g})" for each in kept)
    return f"Conserved: {told}, where a generator that is no symmetry drifts by {found[0].floor:.2g}{rest}."


def conserved_blocks(found: Sequence[Conserved], motions: Motions | None) -> list[Block]:
    """The section on what is conserved; nothing for data that are no motions."""
    if not found:
        return []
    columns = (
        Column("quantity"),
        Column("verdict"),
        Column(
            "drift",
            "number",
            explain="The largest |J(t) - J(0)| of a track, in standard deviations of J over tracks, averaged over "
            "tracks, with a 95 % interval.",
        ),
        Column("bound", "number", explain="What the drift may at most be, from what was measured: the integral of "
               "|pr v(L) - Q.E(L)|, what the symmetry and the equations of the learned Lagrangian leave, and noise."),
        Column("expected", "number", explain="What a true quantity would show, given the noise of the data and how "
               "far two halves of the tracks disagree about the Lagrangian."),
        Column("floor", "number", explain="The drift of a generator that is no symmetry."),
        Column("group"),
        Column("generator", explain="The matrix that moves positions, row by row; s stretches time.", terminal=False),
    )  # fmt: skip
    rows = [
        (
            each.name, _CHIPS.get(each.verdict, Chip.of(each.verdict)), Interval(each.drift, each.low, each.high),
            each.bound, each.expected, each.floor, each.group, _written(each),
        )
        for each in found
    ]  # fmt: skip
    blocks: list[Block] = [
        Text(conserved_sentence(found), style="body"),
        Table(columns, rows, title="What belongs to each symmetry", notes=_fit(motions)),
    ]
    return blocks if motions is None else [*blocks, *_drawn(motions)]


def _written(each: Conserved) -> str:
    if each.tau:
        return "translation of time"
    least = 5e-4 * max(abs(entry) for row in each.generator for entry in row)
    rows = "; ".join(" ".join(f"{entry:.3g}" if abs(entry) > least else "0" for entry in row) for row in each.generator)
    return f"[{rows}]" + (f", s = {each.dilation:.3g}" if each.dilation else "")


def _fit(motions: Motions | None) -> list[str]:
    if motions is None:
        return []
    laws = motions.laws
    assert isinstance(laws.fit, Fit), "discover learns no other Lagrangian by itself"
    mass = "; ".join(" ".join(f"{entry:.3g}" for entry in row) for row in laws.fit.lagrangian.mass.tolist())
    word = "hold" if laws.holds else "do not hold"
    return [
        f"The equations of L = v M v / 2 - V(q), M = [{mass}], {word}: {laws.fit.left:.2g} of the accelerations held "
        f"out are left unexplained, where {laws.noise:.2g} of them is not smooth in time.",
        *([] if laws.holds else [_OTHERS]),
    ]


def _drawn(motions: Motions) -> list[Block]:
    """One figure for each quantity of which something is claimed, at most four."""
    asked = [law for law in motions.laws.laws if law.verdict == "conserved" or not law.generator.dilation]
    return [
        Curves(
            [
                *_curves(motions.moments, motions.laws.wrong, _NO_SYMMETRY, law.floor.unit, "broken", dashes=1),
                *_curves(motions.moments, law.quantity, law.name, law.drift.unit, "holds", dashes=0),
            ],
            title=f"{law.name[:1].upper()}{law.name[1:]} along {min(_TRACKS, motions.moments.count)} tracks",
            xlabel="time",
            ylabel="J(t) - J(0), in standard deviations over tracks",
            caption=f"It drifts by {law.drift.mean:.2g}, at most by {float(law.drift.bound.mean()):.2g} as measured; "
            f"the floor by {law.floor.mean:.2g}.",
            half=True,
        )
        for law in asked[:4]
    ]


def _curves(moments: Trajectories, J: Quantity, label: str, unit: float, tone: Tone, *, dashes: int) -> list[Curve]:
    values = J.of(moments)
    chosen = torch.linspace(0, moments.count - 1, min(_TRACKS, moments.count)).round().long().tolist()
    curves: list[Curve] = []
    for i, track in enumerate(chosen):
        rows = (moments.tracks.label == track).nonzero()[:, 0]
        rows = rows[:: max(1, -(-len(rows) // _POINTS))]
        t, y = moments.t[rows], (values[rows] - values[rows[0]]) / unit
        curves.append(Curve(label if i == 0 else "", t.tolist(), y.tolist(), tone=tone, look=(0, dashes)))
    return curves
