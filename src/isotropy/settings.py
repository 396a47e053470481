"""What the numbers of a module depend on beside its weights, kept in its state: that of another is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from isotropy.errors import SchemaError

_KEY = "_extra_state"  # of torch: where ``state_dict`` keeps what ``get_extra_state`` gives


class Settled(nn.Module):
    """A module that tells its ``settings``: ``load_state_dict`` takes only the state of one that was set as it is.

    Cutoffs, scales, types and groups are no tensors, and weights fit modules that differ in them alone: the numbers
    would be others without a word. They stand in the state as the bytes of a JSON text, a tensor that safetensors and
    ``torch.load(weights_only=True)`` take. A state without them (``del state["_extra_state"]``) loads with
    ``strict=False``, for who means to change them.

    Raises SchemaError, before any weight changes, naming the settings that differ.

    >>> class Power(Settled):
    ...     def __init__(self, exponent):
    ...         super().__init__()
    ...         self.exponent = exponent
    ...     def settings(self):
    ...         return {"exponent": self.exponent}
    >>> Power(2).load_state_dict(Power(2).state_dict())
    <All keys matched successfully>
    >>> Power(3).load_state_dict(Power(2).state_dict())
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given a state of Power with exponent = 2; expected exponent = 3, as this one; \
make the module with the settings of the state
    """

    def settings(self) -> dict[str, Any]:
        """By name, as JSON has them: numbers, text, lists, dictionaries."""
        raise NotImplementedError

    def get_extra_state(self) -> Tensor:
        return torch.frombuffer(bytearray(self._text().encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Any) -> None:
        """Nothing to set: the settings were compared before."""

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        if prefix + _KEY in state_dict:
            self._refuse_others(state_dict[prefix + _KEY], prefix)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def _text(self) -> str:
        # Functions among them are known by name, not by where they lie in memory.
        return re.sub(r" at 0x[0-9a-fA-F]+", "", json.dumps(self.settings(), sort_keys=True))

    def _refuse_others(self, state: Any, prefix: str) -> None:
        name = type(self).__name__ + (f" ({prefix[:-1]})" if prefix else "")
        own: dict[str, Any] = json.loads(self._text())
        try:
            told = cast(dict[str, Any], json.loads(state.to("cpu", torch.uint8).numpy().tobytes()))
        except (AttributeError, ValueError) as error:
            raise SchemaError(
                f"a state of {name} whose settings cannot be read",
                "the bytes that state_dict() gave",
                f"averages of states must leave {_KEY!r} as it is",
            ) from error
        differ = [key for key in {**told, **own} if told.get(key) != own.get(key)]
        if differ:
            raise SchemaError(
                f"a state of {name} with {_listed(told, differ)}",
                f"{_listed(own, differ)}, as this one",
                "make the module with the settings of the state",
            )


def _listed(settings: Mapping[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} = {settings.get(name, 'not told')}" for name in names)
