"""An environment of gymnasium in which a body of limbs is paid for coming closer to a target in any direction."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from isotropy.control._bodies import bodies, model_of
from isotropy.control._engine import gymnasium, mujoco
from isotropy.control._families import family_of
from isotropy.control._graph import LimbGraph
from isotropy.control._moves import Move
from isotropy.control._observe import WIDTH, Observer, refresh
from isotropy.errors import DomainError, IsotropyError, ShapeError, one_of

STEPS = 1000  # of an episode: then it is cut off, which is no end
_SKIP = 4  # steps of the engine in one of control
_DISTANCE = 10_000.0  # metres: a target so far away is a direction
_NEAR, _FAR = 10.0, 20.0  # metres: where points are drawn
_REACHED = 1.0  # metres
_HERE = 1e-9  # metres: nearer than that there is no direction
_EFFORT = 1e-3  # price of the square of a control
_CONES = {"elliptic": "mjCONE_ELLIPTIC", "pyramidal": "mjCONE_PYRAMIDAL"}


class Locomotion(gymnasium.Env[Any, NDArray[np.float64]]):
    """The body ``model`` in the state ``data`` of MuJoCo, its ``graph`` of limbs, and the ``target (2,)`` in metres.

    ``action_motors`` says which motor each number of a flat action drives, -1 where none.
    Made by ``make_locomotion``, which cuts episodes off. Rewards are those of the family (hoppers, walkers, humanoids,
    cheetahs): metres a second towards the target, for all but hoppers also along the torso's heading, 1 for being
    alive (not cheetahs), less 0.001 times the squared controls.
    """

    def __init__(
        self,
        body: Any = "hopper_3_shin",
        target: str = "direction",
        cone: str = "elliptic",
        clip: str = "norm",
        render_mode: str | None = None,
    ) -> None:
        one_of("target", target, ("direction", "point"))
        one_of("cone", cone, _CONES)
        one_of("clip", clip, ("norm", "component"))
        if render_mode not in (None, "rgb_array"):
            raise DomainError(f"render_mode {render_mode!r}", "'rgb_array' or None")
        self.name, self.model = model_of(body)
        self.graph = LimbGraph.from_mjcf(self.model)
        _check_gravity(self.model)
        if not self.model.opt.timestep > 0:
            raise DomainError(f"a time step of {self.model.opt.timestep} s", "more than nothing, such as 0.002")
        self.model.opt.cone = int(getattr(mujoco.mjtCone, _CONES[cone]))
        # Where a simulation blows up the engine would begin again from the resting pose without a word.
        self.model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        self.data = mujoco.MjData(self.model)
        self.kind, self.family, self.render_mode = target, family_of(self.name, self.model), render_mode
        self.target, self.toward = np.zeros(2), np.array([1.0, 0.0])
        self._observer, self._warned = Observer(self.model, self.graph, clip), False
        n = len(self.graph.names)
        self._driven = self.graph.motors.numpy() >= 0
        self._motor = self.graph.motors.numpy()[self._driven]
        self.action_motors = self.graph.motors.numpy().reshape(-1)
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / self.dt)}
        box = gymnasium.spaces.Box
        self.observation_space = gymnasium.spaces.Dict({"limbs": box(-np.inf, np.inf, (n, WIDTH), np.float64)})
        self.action_space = box(-1.0, 1.0, (n, 3), np.float64)
        self._picture: Any = None

    @property
    def dt(self) -> float:
        """Seconds of a step of control."""
        return _SKIP * float(self.model.opt.timestep)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        q, v = self.family.rest(self.model, self.np_random)
        yaw = self.np_random.uniform(-np.pi, np.pi)
        q[3:7] = np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)
        self.set_state(q, v)
        self.target = self._drawn()
        return self.observe(), {}

    def step(
        self, action: NDArray[np.float64]
    ) -> tuple[dict[str, NDArray[np.float64]], float, bool, bool, dict[str, Any]]:
        controls = self.controls(action)
        place = self.data.qpos[:2].copy()
        self.data.ctrl[:] = controls
        mujoco.mj_step(self.model, self.data, _SKIP)
        refresh(self.model, self.data)
        finite = math.isfinite(float(self.data.qpos.sum()) + float(self.data.qvel.sum()))
        if not finite:
            return self.observe(), 0.0, True, False, {"finite": False}
        towards = self._nearer(place) / self.dt
        reward = towards + self.family.alive - _EFFORT * float((controls**2).sum())
        if self.family.heading:
            heading = self.data.xmat[1].reshape(3, 3)[:2, 0]
            reward += float((self.data.qpos[:2] - place) @ heading) / (self.dt * max(np.hypot(*heading), _HERE))
        ended = self.family.fallen(self.data, self.graph.names)
        if self.kind == "point" and self._distance() < _REACHED:
            self.target = self._drawn()
        return self.observe(), reward, ended, False, {"towards": towards}

    def controls(self, action: Any) -> NDArray[np.float64]:
        """The controls (motors,) of torques (limbs, 3), or flat; those of hinges that are not there are left out.

        Raises ShapeError for another size, DomainError for a number that is none.
        """
        u = np.asarray(action, np.float64)
        n = len(self.graph.names)
        if u.shape not in ((n, 3), (3 * n,)):
            raise ShapeError(f"an action of shape {u.shape}", f"({n}, 3) or ({3 * n},): three torques a limb")
        if not np.isfinite(u).all():
            raise DomainError(f"an action with {int((~np.isfinite(u)).sum())} numbers that are not finite", "torques")
        controls = np.zeros(self.model.nu)
        controls[self._motor] = u.reshape(n, 3)[self._driven].clip(-1.0, 1.0)
        return controls

    def observe(self) -> dict[str, NDArray[np.float64]]:
        """The limbs as they are now, ``{"limbs": (limbs, 41)}``."""
        self._look()
        return {"limbs": self._observer(self.data, self.toward)}

    def set_state(
        self,
        qpos: Float[np.ndarray, " q"],
        qvel: Float[np.ndarray, " v"],
        target: Float[np.ndarray, " 2"] | None = None,
    ) -> None:
        """Puts the body into a state, with no memory of the last one; the ``target`` stays where none is given."""
        if qpos.shape != (self.model.nq,) or qvel.shape != (self.model.nv,):
            raise ShapeError(f"qpos {qpos.shape} and qvel {qvel.shape}", f"({self.model.nq},) and ({self.model.nv},)")
        target = self.target.copy() if target is None else np.asarray(target, np.float64)
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:], self.data.qvel[:], self.target = qpos, qvel, target
        mujoco.mj_normalizeQuat(self.model, self.data.qpos)
        refresh(self.model, self.data)

    def rotate(self, theta: float) -> None:
        """Turns body and target about the vertical by ``theta`` radians."""
        self.move(Move(theta))

    @property
    def bearing(self) -> float:
        """Where the target is, in radians from east."""
        self._look()
        return float(np.arctan2(self.toward[1], self.toward[0]))

    def state_dict(self) -> dict[str, Any]:
        """The state of the engine, its solver's memory too, the target, and what would be drawn next."""
        engine = np.empty(mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_getState(self.model, self.data, engine, mujoco.mjtState.mjSTATE_INTEGRATION)
        told = {"engine": engine, "target": self.target, "toward": self.toward}
        kept: dict[str, Any] = {name: torch.from_numpy(value.copy()) for name, value in told.items()}
        return {**kept, "random": self.np_random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what ``state_dict`` told, bit for bit."""
        mujoco.mj_setState(self.model, self.data, state["engine"].numpy(), mujoco.mjtState.mjSTATE_INTEGRATION)
        refresh(self.model, self.data)
        self.target = np.array(state["target"].numpy())
        self.toward = np.array(state["toward"].numpy())
        self.np_random.bit_generator.state = state["random"]

    def move(self, move: Move) -> None:
        """Moves body and target."""
        q, v = move.state(self.model, self.data.qpos, self.data.qvel)
        self.set_state(q, v, move.matrix[:2, :2] @ self.target)

    def render(self) -> Any:
        """The scene as pixels (480, 640, 3) where MuJoCo finds a GL library (MUJOCO_GL=egl or osmesa)."""
        if self.render_mode is None:
            return None
        if self._picture is None:
            try:
                self._picture = mujoco.Renderer(self.model, 480, 640)
            except Exception as wrong:  # each library has errors of its own
                raise IsotropyError(
                    f"no GL library that starts ({wrong})", "one that MuJoCo finds",
                    "set MUJOCO_GL=egl or MUJOCO_GL=osmesa before Python starts",
                ) from wrong  # fmt: skip
        mujoco.mj_camlight(self.model, self.data)
        self._picture.update_scene(self.data)
        return self._picture.render()

    def close(self) -> None:
        if self._picture is not None:
            self._picture.close()

    def _look(self) -> None:
        """Where the target is; on top of it, where it last was."""
        gap = self.target - self.data.qpos[:2]
        distance = float(np.hypot(*gap))
        if _HERE < distance < np.inf:
            self.toward = gap / distance
        elif np.isfinite(distance) and not self._warned:
            warnings.warn("the target lies on the torso: its last direction is kept", stacklevel=3)
            self._warned = True

    def _nearer(self, place: NDArray[np.float64]) -> float:
        """Metres won since the torso was there: |a| - |b| = (a - b).(a + b) / (|a| + |b|), which cancels nothing."""
        a, b = self.target - place, self.target - self.data.qpos[:2]
        far = float(np.hypot(*a) + np.hypot(*b))
        return float((self.data.qpos[:2] - place) @ (a + b)) / far if far > _HERE else 0.0

    def _distance(self) -> float:
        return float(np.hypot(*(self.target - self.data.qpos[:2])))

    def _drawn(self) -> NDArray[np.float64]:
        bearing = self.np_random.uniform(-np.pi, np.pi)
        away = _DISTANCE if self.kind == "direction" else self.np_random.uniform(_NEAR, _FAR)
        return self.data.qpos[:2] + away * np.array([np.cos(bearing), np.sin(bearing)])


def make_locomotion(
    body: Any,
    *,
    target: str = "direction",
    cone: str = "elliptic",
    clip: str = "norm",
    seed: int = 0,
    render_mode: str | None = None,
) -> gymnasium.Env[Any, Any]:
    """An environment for a body: a name of ``bodies()``, the path of an MJCF file, or an MjModel.

    ``target`` is a "direction", or a "point" 10 to 20 m away that moves when it is reached. The friction ``cone``
    "elliptic" keeps every turn about the vertical, MuJoCo's own "pyramidal" quarter turns alone. Episodes are cut off
    after 1000 steps of control (0.008 s; cheetahs 0.04 s). ``gymnasium.make("isotropy/hopper_3_shin-v0")`` makes the
    same after ``import isotropy.control``.

    Raises MorphologyError for a body that is no tree of limbs; DomainError for unknown words, and for gravity that is
    zero or not vertical.

    >>> env = make_locomotion("hopper_3_shin")
    >>> observation, _ = env.reset(seed=1)
    >>> observation["limbs"].shape, env.action_space.shape
    ((3, 41), (3, 3))
    """
    env = Locomotion(body, target, cone, clip, render_mode)
    env.reset(seed=seed)
    return gymnasium.wrappers.TimeLimit(env, STEPS)


def _made(**settings: Any) -> gymnasium.Env[Any, Any]:
    return Locomotion(**settings)


def register() -> None:
    """Tells gymnasium the names isotropy/BODY-v0."""
    for body in bodies():
        name = f"isotropy/{body}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=_made, max_episode_steps=STEPS, kwargs={"body": body})


def _check_gravity(model: Any) -> None:
    g = model.opt.gravity
    if not np.abs(g).max() > 0:
        raise DomainError("gravity zero", "a direction that is down", "without one, the symmetry is all of O(3)")
    if np.hypot(g[0], g[1]) > 1e-12 * abs(g[2]) or g[2] > 0:
        raise DomainError(f"gravity {g.tolist()}", "gravity along -z", "turn the model; measure_symmetry takes any")
