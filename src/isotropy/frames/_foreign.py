"""Models that compute outside torch - functions of numpy or jax, estimators of scikit-learn - called on tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, SchemaError


def called(model: Any) -> Callable[..., Any]:
    """What calls a model that is no module on tensors: itself if it is callable, else its ``predict``.

    Raises SchemaError for a class, and for what cannot be called.

    >>> called(lambda x: np.asarray(x).sum(1))(torch.ones(2, 3))
    tensor([[3.],
            [3.]])
    """
    return model if isinstance(model, nn.Module) else Foreign(callable_of(model))


def callable_of(model: Any, hint: str = "") -> Callable[..., Any]:
    """A model that is no class, or the ``predict`` of an estimator; raises SchemaError for anything else."""
    if isinstance(model, type):
        raise SchemaError(f"the class {model.__name__}", "a model", f"make one: {model.__name__}(...)")
    call = model if callable(model) else getattr(model, "predict", None)
    if call is None:
        raise SchemaError(f"a {type(model).__name__}", "a model that can be called, or that can predict", hint)
    return call


class Foreign:
    """A callable on tensors, whatever it takes: tensors, arrays of numpy, or those of jax where that is in use.

    Functions of arrays are noticed when they are first called: they refuse tensors, or return arrays. One number for
    each row is then a column. What fails on everything fails as it does on tensors, or, with ``told="arrays"``, as it
    does on arrays.
    """

    def __init__(self, call: Callable[..., Any], told: str = "tensors") -> None:
        self.call, self.told = call, told
        estimator = hasattr(getattr(call, "__self__", None), "get_params")
        self.takes: Callable[[Tensor], Any] | None = _numpy if estimator else None

    @property
    def arrays(self) -> bool:
        """Whether it computes outside torch, which then knows no derivatives of it."""
        return self.takes is not None

    def __call__(self, *x: Any, **named: Any) -> Any:
        if self.takes is not None:
            return self._on_arrays(self.takes, x, named)
        try:
            y = self.call(*x, **named)
        except Exception as error:
            return self._tried(x, named, error)  # it may be one of arrays, which does not know tensors
        if all(isinstance(part, Tensor) for part in tree.tree_leaves(y)):
            return y
        return self._tried(x, named, None)

    def _tried(self, x: Any, named: Any, first: Exception | None) -> Any:
        """What it makes of the first kind of arrays that it takes."""
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
        raise failed if first is None or self.told == "arrays" else first

    def _on_arrays(self, takes: Callable[[Tensor], Any], x: Any, named: Any) -> Any:
        # Whole numbers, such as those of atoms, say nothing of the precision of what comes out.
        given = (part for part in tree.tree_leaves((x, named)) if isinstance(part, Tensor))
        like = next((part.dtype for part in given if part.is_floating_point()), None)
        x, named = tree.tree_map(lambda part: takes(part) if isinstance(part, Tensor) else part, (x, named))
        return tree.tree_map(lambda part: _tensor(part, like), self.call(*x, **named))


def _numpy(part: Tensor) -> Any:
    if part.requires_grad and torch.is_grad_enabled():
        given = "a gradient through a model that computes outside torch"
        raise DomainError(given, "a model of torch", "x.detach(), or torch.no_grad(), where no gradient is needed")
    return part.detach().numpy()


def _jax(part: Tensor) -> Any:
    import jax.numpy  # pyright: ignore[reportMissingImports]  # it is there: its user imported it

    return jax.numpy.from_dlpack(part.contiguous())  # pyright: ignore


def _tensor(value: Any, like: torch.dtype | None) -> Tensor:
    """An array of numpy, jax or anything that speaks dlpack; one number for each row is a column."""
    if isinstance(value, Tensor):
        found = value
    elif isinstance(value, np.ndarray | np.generic | float | int):
        found = torch.from_numpy(np.array(value))
    elif hasattr(value, "__dlpack__"):
        found = torch.from_dlpack(value).clone()
    else:
        raise SchemaError(f"an output of type {type(value).__name__}", "an array or a tensor")
    found = found if like is None else found.to(like)
    return found[:, None] if found.ndim == 1 else found
