"""One object turned once around: where the simulator leads, and how the two halves of its features move."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from isotropy.data.render import MultiViewDataset
from isotropy.experiments.split_representation._data import TURN, asked
from isotropy.linalg import eigh
from isotropy.represent import Split, Trained, latents
from isotropy.study import Trace

STEERED, PLANES = "steered", "planes"


@torch.no_grad()
def steered(method: str, trained: Trained, turn: MultiViewDataset) -> tuple[dict[str, float], Trace]:
    """Degrees between the view that W(g) y is nearest to and the true one, within the box and beyond; and a trace.

    The query is the upright view, the gallery all views of the same object. ``found`` of the trace are the views of
    the first object that are found, ``asked`` those that were to be.
    """
    predictor = trained.predictor
    assert predictor is not None, "asked for methods with one"
    y = torch.nn.functional.normalize(trained.embed(turn), dim=-1)
    start, steps = TURN // 2, torch.tensor([step for steps in asked() for step in steps])
    first = turn.latents[:, start : start + 1].expand(-1, len(steps), -1)
    colour: latents.Colour = predictor.colour  # type: ignore[assignment]
    g = latents.relative(first, turn.latents[:, steps], predictor.group_input, predictor.pose, colour)
    query = y[:, start : start + 1].expand(-1, len(steps), -1)
    led = predictor(query.flatten(0, 1), g.flatten(0, 1).to(y)).unflatten(0, query.shape[:2])
    found = (led @ y.mT).argmax(-1)
    off = (found - steps + TURN // 2) % TURN - TURN // 2
    degrees = 360 / TURN * off.abs().double()
    half = len(steps) // 2
    numbers = {"turn": float(degrees[:, :half].mean()), "turn beyond": float(degrees[:, half:].mean())}
    return numbers, Trace(STEERED, method, {"asked": steps.tolist(), "found": found[0].tolist()})


def planes(method: str, said: Split, usual: Split, poses: Tensor) -> Trace:
    """The first object's features of both halves in their two leading planes, while it turns.

    Each half is divided by the deviation of a feature of that half over all objects and views, so that what stays is a
    point beside what moves.
    """
    columns: dict[str, Any] = {"degrees": poses[0, :, 2].rad2deg().round().tolist()}
    for half in ("rep_inv", "rep_equi"):
        x, rows = getattr(said, half)[0].double(), getattr(usual, half).flatten(0, 1).double()
        if not x.shape[1]:
            continue
        x = (x - x.mean(0)) / (rows.std(0).square().mean().sqrt().clamp_min(1e-12) * x.shape[1] ** 0.5)
        axes = eigh(x.mT @ x).vectors[:, :4]
        columns |= {f"{half} {i}": column.tolist() for i, column in enumerate((x @ axes).mT)}
    return Trace(PLANES, method, columns)
