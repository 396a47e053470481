"""The training of an agent: TD3 in the one loop, looked at without noise, until its updates or its time end."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from isotropy.control._episodes import play
from isotropy.control._stream import ReplayStream
from isotropy.control._td3 import TD3, Agent, Recipe
from isotropy.runs import Run, progress_bar
from isotropy.train import Cosine, History, Row, fit

_EPISODES = 4  # of a look
_FOREVER = 10**9  # updates, where the clock ends a training
_PER_EPOCH = 100  # updates, where it does


class Looks:
    """What is done after an epoch: episodes of the ``actor`` in copies of the ``worlds`` without noise, into its row,
    ``often`` in a training.

    A training of ``seconds`` ends by its answer, when the ``stream`` has lived so long; ``advance`` counts them.
    """

    def __init__(
        self, worlds: Sequence[Any], actor: nn.Module, stream: ReplayStream, seconds: float | None, often: int,
        advance: Callable[..., None],
    ) -> None:  # fmt: skip
        self.worlds, self.actor, self.stream = [copy.deepcopy(env) for env in worlds], actor, stream
        self.seconds, self.often, self.advance = seconds, often, advance
        self._looked, self._shown = 0.0, 0

    def __call__(self, row: Row, _: nn.Module) -> bool:
        spent = self.stream.seconds[1]
        over = self.seconds is not None and spent >= self.seconds
        if self.seconds is None or over or spent - self._looked >= self.seconds / self.often:
            self._looked = spent
            found = [[one.gained for one in play(env, self.actor, range(_EPISODES))[0]] for env in self.worlds]
            row |= {"evaluated": float(np.mean(found)), "evaluations": found}
        self.advance(int(spent) - self._shown)
        self._shown = int(spent)
        return over


def teach(
    agent: Agent,
    worlds: Sequence[Any],
    recipe: Recipe,
    run: Run,
    *,
    updates: int | None,
    minutes: float | None,
    looks: int,
    turns: bool,
    seed: int,
    progress: bool | None,
) -> History:
    """Trains in place, for so many ``updates`` or ``minutes``; rows have both counters, some evaluations too."""
    stream = ReplayStream(
        worlds, agent.actor, recipe, seed=seed,
        per_epoch=_PER_EPOCH if updates is None else max(1, updates // looks),
    )  # fmt: skip
    seconds = None if minutes is None else 60 * minutes

    def adam(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, recipe.rate, fused=True)

    by_clock = progress if minutes is not None else False
    total = None if seconds is None else int(seconds)
    with progress_bar("training, seconds", total, by_clock) as advance:
        return fit(
            agent,
            TD3([life.graph for life in stream.lives], recipe, turns=turns),
            stream,
            optimizer={"actor": adam, "critics": adam},
            max_steps=_FOREVER if updates is None else updates,
            schedule=Cosine() if recipe.anneal else None,
            clip=recipe.clip,
            callbacks=[Looks(worlds, agent.actor, stream, seconds, looks, advance)],
            run=run,
            checkpoint_every=60.0,
            seed=seed,
            progress=False if minutes is not None else progress,
        )
