"""The sizes of the experiment: a version for two cores and some minutes, and one with the paper's bodies and steps."""

from __future__ import annotations

from dataclasses import dataclass, field

from isotropy.study import Configuration, Number, OnDevice

EXACT, SECTOR, BEARING, RETURNS, PHYSICS = "E2", "E3", "E5", "E1", "E6"
"""Exact invariance; velocities learned in a sector; a puck trained in a sector; bodies that walk (E4 at a
small budget); bodies that fall."""

OURS, TURNS_ALONE, BLIND = "subequivariant", "subequivariant, SO(2)@z", "subequivariant, no gravity"
MLP, AUGMENTED, HEADING, SHARED, TRANSFORMER = "mlp", "augmented", "heading", "shared", "transformer"
HEADING_TREES = "heading-transformer"
EXACT_METHODS = (OURS, TURNS_ALONE, BLIND, MLP, HEADING, SHARED, TRANSFORMER)
LEARNERS = (OURS, MLP, AUGMENTED, HEADING)
PLAIN, PLAIN_TURNED = "plain", "plain, turned"
SIMULATED = "simulated"
PHYSICS_METHODS = (OURS, PLAIN, PLAIN_TURNED)


@dataclass(frozen=True)
class SectorPlan:
    """``transitions`` of a ``body`` under random torques, its heading and target within ``degrees`` of east; velocity
    changes of limbs are learned in ``steps`` of Adam at ``rate`` on batches of ``batch`` rows."""

    body: str = "hopper_5_full"
    transitions: int = 6000
    test: int = 1500
    degrees: Number = 15
    steps: int = 1500
    batch: int = 128
    rate: Number = 1e-3


@dataclass(frozen=True)
class PuckPlan:
    """A puck trained for ``steps`` with targets within ``degrees``, looked at in ``bearings`` directions, with
    ``episodes`` starts each; rate (which
    falls to 0), discount and pace are those of a small world."""

    degrees: Number = 60
    steps: int = 2400
    bearings: int = 12
    episodes: int = 10
    rate: Number = 1e-3
    gamma: Number = 0.9
    tau: Number = 0.02


@dataclass(frozen=True, kw_only=True)
class WalkPlan(OnDevice):
    """TD3 on bodies for ``steps`` of control, over all of them; ``size`` of the subequivariant networks and the
    transformers, others have one. The last three evaluations count."""

    steps: int = 4000
    size: str = "small"
    batch: int = 64
    rate: Number = 3e-4
    every: int = 4
    tau: Number = 0.02
    warmup: int = 1000
    bearings: int = 12


@dataclass(frozen=True)
class PhysicsPlan:
    """``scenes`` of three bodies that fall, ``particles`` each, ``frames`` of 1/60 s; learned in ``steps`` on pairs of
    frames; ``test`` scenes are rolled out for ``horizon`` frames, turned, and dropped from ``higher`` times as high."""

    scenes: int = 24
    test: int = 6
    particles: int = 12
    frames: int = 45
    steps: int = 600
    horizon: int = 20
    rate: Number = 1e-3
    higher: Number = 1.5


@dataclass(frozen=True)
class Config(Configuration):
    """The plans of the parts, and how many ``seeds``. ``tasks`` name bodies or families, "+" between those that one
    policy drives; ``walkers`` are the policies that are trained on them; ``device`` trains them."""

    sector: SectorPlan = field(default_factory=SectorPlan)
    puck: PuckPlan = field(default_factory=PuckPlan)
    walk: WalkPlan = field(default_factory=WalkPlan)
    physics: PhysicsPlan = field(default_factory=PhysicsPlan)
    tasks: tuple[str, ...] = ("hopper_3_shin",)
    walkers: tuple[str, ...] = (OURS, MLP, HEADING)
    states: int = 20
    seeds: int = 3
    device: str = "cpu"


SMALL = Config()
FULL = Config(
    sector=SectorPlan(transitions=20000, steps=5000),
    puck=PuckPlan(steps=4000),
    walk=WalkPlan(steps=2_500_000, size="paper", batch=256, rate=1e-4, every=1, tau=0.005, warmup=5000),
    physics=PhysicsPlan(scenes=200, test=40, particles=30, frames=60, steps=20000),
    tasks=("hopper", "walker", "humanoid", "cheetah", "walker+humanoid+hopper", "cheetah+walker+humanoid+hopper"),
    walkers=(OURS, SHARED, TRANSFORMER, HEADING_TREES),
    seeds=5,
)
