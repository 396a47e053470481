"""Targets in a part of all directions alone: what is learned there, and what is known elsewhere?"""

from __future__ import annotations

import math
from typing import Any

from isotropy.control._engine import gymnasium
from isotropy.control._episodes import faced
from isotropy.errors import DomainError


class Sector(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose episodes begin with the target within ``width`` radians, about east.

    The whole scene is turned there, body and all, so that nothing else of the start changes. Raises DomainError for a
    width of nothing, SchemaError for an environment that cannot be turned.

    >>> from isotropy.control import PointMass
    >>> env = Sector(PointMass(), width=0.2)
    >>> env.reset(seed=1)[0]["limbs"].shape, bool(abs(env.unwrapped.bearing) <= 0.1)
    ((1, 41), True)
    """

    def __init__(self, env: Any, width: float = math.pi / 3) -> None:
        super().__init__(env)
        if not 0 < width <= 2 * math.pi + 1e-9:
            raise DomainError(f"width={width}", "radians, above 0 and up to 2 pi")
        self.width = width

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        _, told = self.env.reset(seed=seed, options=options)
        return faced(self.env, self.width * (float(self.unwrapped.np_random.uniform()) - 0.5)), told
