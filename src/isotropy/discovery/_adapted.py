"""Whatever people call a model, as a function of tensors: numpy functions, scikit-learn, jax, torch_geometric."""

from __future__ import annotations

import sys
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
    if isinstance(model, type):
        raise SchemaError(f"the class {model.__name__}", "a model", f"make one: {model.__name__}(...)")
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
    """A callable on tensors, whatever it takes: tensors, arrays of numpy, or those of jax where that is in use."""

    def __init__(self, call: Callable[..., Any], name: str, arrays: bool) -> None:
        self.call = call
        self.takes: Callable[[Tensor], Any] | None = _numpy if arrays else None
        self.__name__ = getattr(call, "__name__", name)

    @property
    def arrays(self) -> bool:
        """Whether it computes outside torch, which then knows no derivatives of it."""
        return self.takes is not None

    def __call__(self, *x: Any, **named: Any) -> Any:
        if self.takes is not None:
            return self._on_arrays(self.takes, x, named)
        try:
            y = self.call(*x, **named)
        except Exception:
            return self._tried(x, named)  # it may be one of arrays, which does not know tensors
        if all(isinstance(part, Tensor) for part in tree.tree_leaves(y)):
            return y[:, None] if isinstance(y, Tensor) and y.ndim == 1 else y
        return self._tried(x, named)

    def _tried(self, x: Any, named: Any) -> Any:
        """What it makes of the first kind of arrays that it takes; what fails on all is told as numpy has it."""
        failed: Exception | None = None
        for takes in (_numpy, *([_jax] if "jax" in sys.modules else [])):
            try:
                y = self._on_arrays(takes, x, named)
            except Exception as error:
                failed = failed or error
            else:
                self.takes = takes
                return y
        assert failed is not None
        raise failed

    def _on_arrays(self, takes: Callable[[Tensor], Any], x: Any, named: Any) -> Any:
        like = next(part for part in tree.tree_leaves((x, named)) if isinstance(part, Tensor))
        x, named = tree.tree_map(lambda part: takes(part) if isinstance(part, Tensor) else part, (x, named))
        return tree.tree_map(lambda part: _tensor(part, like), self.call(*x, **named))


def _numpy(part: Tensor) -> Any:
    return part.numpy()


def _jax(part: Tensor) -> Any:
    import jax.numpy  # pyright: ignore[reportMissingImports]  # it is there: its user imported it

    return jax.numpy.from_dlpack(part.contiguous())  # pyright: ignore


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
