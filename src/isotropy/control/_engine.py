"""MuJoCo and gymnasium, of the extra "control": imported once, and said how to get where they are not."""

from typing import Any

from isotropy.errors import MissingExtraError

try:
    import gymnasium as gymnasium
    import mujoco as _mujoco
except ImportError as missing:
    raise MissingExtraError.of("mujoco", "control") from missing

mujoco: Any = _mujoco  # a module of C++: its functions have no types
