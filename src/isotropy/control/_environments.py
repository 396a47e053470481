"""Environments by the names that gymnasium knows."""

from __future__ import annotations

from typing import Any

from isotropy.control._engine import gymnasium
from isotropy.errors import SchemaError, nearest


def environment(name: str, **settings: Any) -> gymnasium.Env[Any, Any]:
    """The environment of gymnasium of that name, made with these settings; isotropy/BODY-v0 are among the names.

    Raises SchemaError for a name that gymnasium does not know, and for settings that the environment does not take.

    >>> environment("isotropy/hopper_3_shin-v0").observation_space["limbs"].shape
    (3, 41)
    """
    try:
        return gymnasium.make(name, **settings)
    except gymnasium.error.UnregisteredEnv as wrong:
        near = nearest(name, gymnasium.registry)
        raise SchemaError(f"environment {name!r}", "a name that gymnasium knows", near) from wrong
    except (gymnasium.error.Error, TypeError) as wrong:
        raise SchemaError(f"environment {name!r} with {settings}", "settings that it takes", str(wrong)) from wrong
