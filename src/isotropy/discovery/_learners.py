"""The base learners that compete on held-out rows: kernel ridge regression, boosted trees, a soft network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from isotropy.discovery._kernel import KernelRidge
from isotropy.discovery._trees import TreesLearner
from isotropy.errors import SchemaError
from isotropy.random import derive, spawn
from isotropy.study import Compression, Model, Preparation, Problem

if TYPE_CHECKING:
    from isotropy.discovery._network import NetworkLearner

State = dict[str, Any]  # JSON with numpy arrays at its leaves, as outcomes of jobs are
Stream = tuple[object, ...]


@dataclass(frozen=True)
class KernelLearner:
    """Kernel ridge regression with a kernel chosen on the training rows; as all learners do, it fits standardised
    features to standardised targets."""

    def learn(
        self, problem: Problem, z: Tensor, t: Tensor, unit: Tensor, seed: int, like: Mapping[str, Any] | None
    ) -> tuple[State, State]:
        """The state of a fitted core, all that a revival needs, and curves of its training for the report, if any.

        ``like`` is the state of a core whose choices (not its weights) are to be taken over.
        """
        chosen = None if like is None else (str(like["kernel"]),)
        generator = spawn(seed, "kernel")
        f = KernelRidge.fit(z, t, unit=unit, bodies=problem.bodies, kernels=chosen, generator=generator)
        return {
            "kernel": f.kernel,
            "landmarks": f.landmarks.numpy(),
            "weights": f.weights.numpy(),
            "validation": f.validation,
            "largest": f.largest,
        }, {}

    def revive(self, problem: Problem, state: Mapping[str, Any]) -> KernelRidge:
        """The core, a callable on standardised features."""
        return KernelRidge(
            state["kernel"],
            torch.from_numpy(state["landmarks"]),
            torch.from_numpy(state["weights"]),
            float(state["validation"]),
            problem.bodies,
            float(state["largest"]),
        )


def learner(name: str) -> KernelLearner | TreesLearner | NetworkLearner:
    """The learner of that name; raises SchemaError for another."""
    if name == "trees":
        return TreesLearner()
    if name == "kernel":
        return KernelLearner()
    if name == "network":
        from isotropy.discovery._network import NetworkLearner

        return NetworkLearner()
    raise SchemaError(f"the learner {name!r}", "kernel, trees or network")


def learn(
    name: str,
    problem: Problem,
    x: Tensor,
    y: Tensor,
    unit: Tensor,
    *,
    seed: int,
    stream: Stream,
    like: Mapping[str, Any] | None = None,
) -> tuple[State, State]:
    """Fit on raw rows; ``stream`` names the random stream, so that every fit has its own.

    ``like`` is an earlier state whose choices (the kernel) are taken over instead of made again.
    """
    chosen = None if like is None else like["core"]

    def fitted(compression: Compression | None) -> tuple[State, State]:
        preparation = Preparation.fit(problem, x, y, compression, by_part=True)
        core, curves = learner(name).learn(
            problem,
            preparation.read(x),
            preparation.targets.apply(y),
            unit,
            derive(seed, "learn", name, *stream),
            chosen,
        )
        return {"core": core, "preparation": preparation.state()}, curves

    compression = Compression.fit(problem, x) if name == "kernel" else None
    if like is not None:  # and so is how sizes are read
        compressed = like["preparation"]["compression"]
        return fitted(None if compressed is None else Compression.from_state(compressed))
    plain = fitted(None)
    if compression is None:
        return plain
    # Sizes over decades: their logarithms compete with them, on the rows that chose the kernel.
    other = fitted(compression)
    return min(plain, other, key=lambda each: each[0]["core"]["validation"])


def revive(name: str, problem: Problem, state: Mapping[str, Any]) -> Model:
    """The model of a stored state."""
    preparation = Preparation.from_state(problem, state["preparation"])
    return Model(preparation, learner(name).revive(problem, state["core"]))
