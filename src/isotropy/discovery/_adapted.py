"""Whatever people call a model, as a function of tensors: numpy functions, scikit-learn, jax, torch_geometric."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from isotropy.discovery._model_file import is_calculator
from isotropy.frames.parts import Foreign, Inputs, callable_of


def adapted(model: Any) -> Any:
    """A module as it is; an estimator by its ``predict``; any other callable made to take and give tensors.

    Functions of numpy arrays are noticed when they are first called: they refuse tensors, or return arrays. Raises
    SchemaError for what cannot be called, and for a class.

    >>> import numpy as np, torch
    >>> adapted(lambda x: np.sin(x).sum(1))(torch.zeros(4, 3)).shape
    torch.Size([4, 1])
    """
    if isinstance(model, nn.Module):
        return model
    calculator = not isinstance(model, type) and is_calculator(model)
    hint = "isotropy.discovery.audit_calculator(calculator, structures)" if calculator else ""
    return _Function(callable_of(model, hint), type(model).__name__)


class _Function(Foreign):
    """A callable on tensors, whatever it takes; one number for each row is a column."""

    def __init__(self, call: Any, name: str) -> None:
        super().__init__(call, told="arrays")
        self.__name__ = getattr(call, "__name__", name)

    def __call__(self, *x: Any, **named: Any) -> Any:
        y = super().__call__(*x, **named)
        return y[:, None] if isinstance(y, Tensor) and y.ndim == 1 else y


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
