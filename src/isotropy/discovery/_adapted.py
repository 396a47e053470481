"""Whatever people call a model, as a function of tensors: numpy functions, scikit-learn, jax, torch_geometric; and what
it is asked on where that comes from a folder or a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from isotropy.data import ModelInputs, Pictures, Types, picture_inputs, with_types
from isotropy.discovery._model_file import is_calculator
from isotropy.errors import MissingExtraError, SchemaError
from isotropy.frames.parts import Foreign, Inputs, callable_of, is_graph
from isotropy.linalg import Segments
from isotropy.measure import Sample
from isotropy.modes import evaluating
from isotropy.reps import Cloud, Field, Rep, Scalar, Schema, Type, parse_type, written_type


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


class _Around(nn.Module):
    """A model called in another way: its layers and weights under the names that they have."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.run = [model]  # in a list: its layers keep their names
        for name, part in model.named_children():
            self.add_module(name, part)
        for name, weight in model.named_parameters(recurse=False):
            self.register_parameter(name, weight)

    def train(self, mode: bool = True) -> Self:
        self.run[0].train(mode)
        self.training = mode
        return self


class OneColumn(_Around):
    """A model that gives one number for each row, ``(n,)``, as one that gives a column."""

    def forward(self, *x: Any, **named: Any) -> Any:
        return self.run[0](*x, **named)[:, None]


class OnGraphs(_Around):
    """A model of torch_geometric on the tensors of its graphs, by name, and the segments of their nodes."""

    def __init__(self, model: nn.Module, inputs: Inputs) -> None:
        super().__init__(model)
        self.inputs = inputs

    def forward(self, segments: Any = None, **values: Tensor) -> Any:
        return self.inputs.call(self.run[0], values, segments)


_TRIED = 2  # rows that the model is called on to see what it gives


def asked_on(model: Callable[..., Any], x: Pictures | ModelInputs, types: Types | None, seed: int) -> ModelInputs:
    """The inputs with a Schema: where nothing says what the model gives, one row of numbers is taken as Scalars.

    Raises SchemaError where its outputs may be something else: values at points or cells, or three of a cloud.
    """
    inputs = with_types(picture_inputs(x, seed=seed) if isinstance(x, Pictures) else x, types)
    if isinstance(inputs.types, Schema):
        return inputs
    if "y" in inputs.types:
        return inputs if is_graph(inputs.x) else replace(inputs, types=Schema.of(inputs.types))
    x_type = parse_type(inputs.types["x"])
    gave = _tried(model, inputs, x_type)
    width = int(gave.shape[1]) if gave.ndim == 2 else 1
    if gave.ndim > 2 or len(gave) != _TRIED or (_in_space(x_type) and width > 1):
        hint = f"x: {written_type(x_type)} and y: {'Vector' if width == 3 else '...'} in --schema FILE (types={{...}})"
        given = f"a model that gives {tuple(gave.shape)} of {_TRIED} rows"
        raise SchemaError(given, "the type of its outputs, which may turn with the inputs", hint)
    note = f"Outputs are taken as {width} Scalar{'s' if width > 1 else ''}, which no group changes."
    if len(inputs.classes) == width > 1:
        note += " They are called by the classes of the data, in the order of their names."
    schema = Schema.of({**inputs.types, "y": width * Scalar})
    return replace(inputs, types=schema, notes=(*inputs.notes, note))


def _tried(model: Callable[..., Any], inputs: ModelInputs, x_type: Type) -> Tensor:
    """What the model gives of the first rows, as it will be called in the audit."""
    sets = inputs.segments
    segments = sets if sets is None or isinstance(sets, Segments) else Segments.from_batch(torch.as_tensor(sets))
    few = Sample(inputs.x, x_type, segments).take(slice(_TRIED))
    weight = next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None
    with evaluating(model), torch.no_grad():
        gave = (few if weight is None else few.to(weight.dtype)).call(model)
    if not isinstance(gave, Tensor) or gave.ndim < 1:
        raise SchemaError(f"a model that gives a {type(gave).__name__}", "one tensor, a row for each row")
    return gave


def with_columns(model: Any, sample: Sample, y_type: Type) -> Any:
    """A module, in eval mode, that gives ``(n,)`` where a column is meant, as energies often come, with one made."""
    if not isinstance(model, nn.Module) or not isinstance(y_type, Rep):
        return model
    try:
        with torch.no_grad():
            gave = sample.take(slice(_TRIED)).call(model)
    except Exception:  # what fails is told when it is asked in earnest
        return model
    return OneColumn(model) if isinstance(gave, Tensor) and gave.ndim == 1 else model


def _in_space(x_type: Type) -> bool:
    """Whether a group turns the inputs themselves, so that outputs may turn too; classes of pictures do not."""
    if isinstance(x_type, tuple | dict):
        return any(map(_in_space, x_type.values() if isinstance(x_type, dict) else x_type))
    return isinstance(x_type, Cloud) and x_type.rep is not None and not isinstance(x_type, Field)


def batched(x: Any) -> Any:
    """A list of graphs of torch_geometric as their Batch; all else as it is."""
    if not isinstance(x, list | tuple) or not x or not all(map(is_graph, x)):
        return x
    try:
        from torch_geometric.data import Batch
    except ImportError as missing:
        raise MissingExtraError.of("torch_geometric", "graph") from missing
    return Batch.from_data_list(list(x))
