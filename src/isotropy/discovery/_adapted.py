"""Whatever people call a model, as a function of tensors: numpy functions, scikit-learn, jax, torch_geometric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from isotropy.discovery._model_file import is_calculator
from isotropy.errors import SchemaError
from isotropy.frames.parts import Inputs


def adapted(model: Any) -> Any:
    """A module as it is; an estimator by its ``predict``; any other callable made to take and give tensors.

    Functions of numpy arrays are noticed when they are first called: they refuse tensors, or return arrays. Raises
    SchemaError for what cannot be called.

    >>> adapted(lambda x: np.sin(x).sum(1))(torch.zeros(4, 3)).shape
    torch.Size([4, 1])
    """
    if isinstance(model, nn.Module):
        return model
    call = model if callable(model) else getattr(model, "predict", None)
    if call is None:
        hint = "isotropy.discovery.audit_calculator(calculator, structures)" if is_calculator(model) else ""
        raise SchemaError(f"a {type(model).__name__}", "a model that can be called, or that can predict", hint)
    return _Function(call, type(model).__name__, arrays=_of_scikit(call))


def _of_scikit(call: Any) -> bool:
    return hasattr(getattr(call, "__self__", None), "get_params")


class _Function:
    """A callable on tensors, whatever it takes."""

    def __init__(self, call: Callable[..., Any], name: str, arrays: bool) -> None:
        self.call, self.arrays = call, arrays
        self.__name__ = getattr(call, "__name__", name)

    def __call__(self, *x: Any, **named: Any) -> Any:
        if not self.arrays:
            try:
                y = self.call(*x, **named)
            except Exception:
                # It may be one of numpy or jax, which do not know tensors; what fails there, too, is told.
                y = self._on_arrays(x, named)
                self.arrays = True
                return y
            if all(isinstance(part, Tensor) for part in tree.tree_leaves(y)):
                return y[:, None] if isinstance(y, Tensor) and y.ndim == 1 else y
            self.arrays = True
        return self._on_arrays(x, named)

    def _on_arrays(self, x: Any, named: Any) -> Any:
        like = next(part for part in tree.tree_leaves((x, named)) if isinstance(part, Tensor))
        x, named = tree.tree_map(lambda part: part.numpy() if isinstance(part, Tensor) else part, (x, named))
        return tree.tree_map(lambda part: _tensor(part, like), self.call(*x, **named))


def _tensor(value: Any, like: Tensor) -> Tensor:
    """An array of numpy, jax or anything that speaks dlpack; one number for each row is a column."""
    if isinstance(value, Tensor):
        found = value
    elif isinstance(value, np.ndarray | np.generic | float | int):
        found = torch.from_numpy(np.array(value))
    elif hasattr(value, "__dlpack__"):
        found = torch.from_dlpack(value).clone()
    else:
        raise SchemaError(f"an output of type {type(value).__name__}", "an array or a tensor")
    found = found.to(like.dtype)
    return found[:, None] if found.ndim == 1 else found


class OneColumn(nn.Module):
    """A model that gives one number for each row, ``(n,)``, as one that gives a column."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.run = [model]  # in a list: its layers keep their names
        for name, part in model.named_children():
            self.add_module(name, part)
        for name, weight in model.named_parameters(recurse=False):
            self.register_parameter(name, weight)

    def train(self, mode: bool = True) -> OneColumn:
        self.run[0].train(mode)
        self.training = mode
        return self

    def forward(self, *x: Any, **named: Any) -> Any:
        return self.run[0](*x, **named)[:, None]


class OnGraphs(nn.Module):
    """A model of torch_geometric on the tensors of its graphs, by name, and the segments of their nodes."""

    def __init__(self, model: nn.Module, inputs: Inputs) -> None:
        super().__init__()
        self.run, self.inputs = [model], inputs  # in a list: its layers keep their names
        for name, part in model.named_children():
            self.add_module(name, part)
        for name, weight in model.named_parameters(recurse=False):
            self.register_parameter(name, weight)

    def train(self, mode: bool = True) -> OnGraphs:
        self.run[0].train(mode)
        self.training = mode
        return self

    def forward(self, segments: Any = None, **values: Tensor) -> Any:
        return self.inputs.call(self.run[0], values, segments)
