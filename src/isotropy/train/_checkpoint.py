"""The state of a training as one safetensors file: tensors by name, and the tree that they hang on as JSON."""

import json
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.runs import Run

_TREE = "tree"


@runtime_checkable
class Stateful(Protocol):
    """Batches that know where they are: a replay buffer, a stream that cannot be gone through again."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def write_state(run: Run, name: str, state: Any) -> None:
    """Writes a tree of dictionaries, lists and tuples with tensors, numbers and text at its leaves, whole or not."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_take(state, tensors, name))
    tree = torch.from_numpy(np.frombuffer(text.encode(), dtype=np.uint8).copy())
    run.write(name, {_TREE: tree, **tensors})


def read_state(run: Run, name: str) -> Any:
    """What ``write_state`` wrote, bit for bit, on the CPU; keys and tuples included."""
    tensors = run.read(name)
    return json.loads(tensors.pop(_TREE).numpy().tobytes(), object_hook=lambda item: _put(item, tensors))


def _take(value: Any, tensors: dict[str, Tensor], where: str) -> Any:
    if isinstance(value, Tensor):
        name = f"t{len(tensors)}"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        # As pairs, because the states of optimisers have integers for keys.
        items = cast(dict[Any, Any], value).items()
        return {"dict": [[_take(k, tensors, where), _take(v, tensors, f"{where}.{k}")] for k, v in items]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_take(item, tensors, f"{where}[{i}]") for i, item in enumerate(cast(list[Any], value))]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise DomainError(f"{where}: {type(value).__name__}", "numbers, text, tensors, lists, tuples and dictionaries")


def _put(item: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    """One piece of the tree, whose own pieces are put together already."""
    [(kind, content)] = item.items()
    if kind == "tensor":
        return tensors[content]
    return {"dict": dict, "list": list, "tuple": tuple}[kind](content)
