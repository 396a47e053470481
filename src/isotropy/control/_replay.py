"""What was lived through: transitions of one body, the oldest overwritten by the newest, drawn uniformly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor, nn

from isotropy.control._observe import WIDTH
from isotropy.errors import DomainError, counted
from isotropy.groups.parts import rotation3

Transitions = dict[str, Tensor]
_ACTION = 3  # torques of a limb


class Replay:
    """At most ``capacity`` transitions of a body of so many ``limbs``, in float32: ``Replay.bytes_of`` says how much.

    ``done`` is 1 where the episode ended, and 0 where it was cut off: a time limit is no end of the world, and what
    comes after it is still worth what it is worth (Pardo et al., *Time Limits in Reinforcement Learning*, ICML 2018).
    Memory is taken as it fills. Raises DomainError for numbers that are not finite, and for draws from nothing.

    >>> replay = Replay(3, capacity=10)
    >>> replay.add(torch.zeros(3, 41), torch.zeros(3, 3), 1.0, torch.ones(3, 41), False)
    >>> batch = replay.sample(4, torch.Generator())
    >>> batch["seen"].shape, batch["reward"].tolist(), len(replay)
    (torch.Size([4, 3, 41]), [1.0, 1.0, 1.0, 1.0], 1)
    """

    def __init__(self, limbs: int, capacity: int = 1_000_000) -> None:
        if capacity < 1:
            raise DomainError(f"capacity={capacity}", "1 or more")
        self.capacity, self.count = capacity, 0
        self._rows: Transitions = {
            "seen": torch.empty(capacity, limbs, WIDTH),
            "action": torch.empty(capacity, limbs, _ACTION),
            "reward": torch.empty(capacity),
            "next": torch.empty(capacity, limbs, WIDTH),
            "done": torch.empty(capacity),
        }

    def __len__(self) -> int:
        return min(self.count, self.capacity)

    @staticmethod
    def bytes_of(limbs: int, transitions: int) -> int:
        """4 bytes for each of 2 x 41 + 3 numbers a limb, and of reward and end.

        >>> Replay.bytes_of(3, 1_000_000) / 1e9
        1.028
        """
        return 4 * transitions * (limbs * (2 * WIDTH + _ACTION) + 2)

    def add(self, seen: ArrayLike, action: ArrayLike, reward: float, after: ArrayLike, done: bool) -> None:
        """One transition, in the place of the oldest where there is no other."""
        row = [torch.as_tensor(value, dtype=torch.float32) for value in (seen, action, reward, after, done)]
        if not all(bool(one.isfinite().all()) for one in row):
            raise DomainError("a transition with numbers that are not finite", "finite observations and rewards")
        at = self.count % self.capacity
        for rows, one in zip(self._rows.values(), row, strict=True):
            rows[at] = one
        self.count += 1

    def sample(self, rows: int, generator: torch.Generator) -> Transitions:
        """So many transitions, drawn with replacement."""
        if not self.count:
            raise DomainError(f"{counted(rows, 'row')} of an empty replay", "transitions to draw from")
        drawn = torch.randint(len(self), (rows,), generator=generator)
        return {name: values[drawn] for name, values in self._rows.items()}

    def state_dict(self) -> dict[str, Any]:
        """What is there, without the places that are still empty."""
        return {"count": self.count, "rows": {name: values[: len(self)] for name, values in self._rows.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.count = int(state["count"])
        for name, values in state["rows"].items():
            self._rows[name][: len(values)] = values


def turned(seen: Float[Tensor, "rows limbs 41"], angle: Float[Tensor, " rows"]) -> Float[Tensor, "rows limbs 41"]:
    """The same limbs in a scene turned about the vertical by an ``angle`` for each row, in radians.

    >>> east = torch.zeros(1, 1, 41); east[..., 6] = 1
    >>> turned(east, torch.tensor([torch.pi / 2]))[0, 0, 6:9].round().tolist()
    [-0.0, 1.0, 0.0]
    """
    R = rotation3(nn.functional.pad(angle[:, None], (2, 0)))[:, None]
    vectors = seen[..., :24].unflatten(-1, (8, 3)) @ R.mT
    return torch.cat([vectors.flatten(-2), seen[..., 24:]], -1)
