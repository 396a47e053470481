"""A network and a loss of the reader's own, known by their names, so that other processes and days find them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import scipy
import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DtypeError, SchemaError, ShapeError, counted

Loss = Callable[[Tensor, Tensor], Tensor]
_CLASSES = "cross-entropy"


def _absolute(prediction: Tensor, y: Tensor) -> Tensor:
    return (prediction - y).abs()


def _cross_entropy(prediction: Tensor, y: Tensor) -> Tensor:
    """Of logits and shares of classes, a row of each."""
    return -(y * prediction.log_softmax(-1)).sum(-1)


_KNOWN: dict[str, Loss] = {"absolute": _absolute, _CLASSES: _cross_entropy}


@dataclass(frozen=True)
class Own:
    """What takes the place of our network, its learning rate and squared errors; "" and 0 where nothing does.

    >>> Own.of(None, "absolute", None).told
    {'loss': 'absolute'}
    """

    backbone: str = ""
    loss: str = ""
    rate: float = 0.0

    @classmethod
    def of(cls, backbone: Any, loss: Any, rate: float | None) -> Own:
        """Raises SchemaError for what has no name that another process could look up, or none that is known."""
        if isinstance(backbone, nn.Module):
            raise SchemaError(
                f"a network, {type(backbone).__name__}",
                "what makes one: its class, or a function of (inputs, outputs), since each fold starts afresh",
                "def net(inputs, outputs): return ...",
            )
        loss = "" if loss in (None, "squared") else loss
        own = cls(
            "" if backbone is None else _name_of(backbone, "backbone"),
            loss if loss in ("", *_KNOWN) else _name_of(loss, "loss"),
            0.0 if rate is None else float(rate),
        )
        if rate is not None and not 0 < own.rate < float("inf"):
            raise SchemaError(f"rate={rate}", "a learning rate above 0", "rate=1e-3")
        _ = own.makes, own.function  # found now, or refused
        return own

    @property
    def told(self) -> dict[str, Any]:
        """What was asked, for jobs and settings; nothing by default."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def classes(self) -> bool:
        """Whether targets are numbers of classes."""
        return self.loss == _CLASSES

    @property
    def makes(self) -> Callable[[int, int], nn.Module] | None:
        """What makes the network."""
        return _found(self.backbone, "backbone") if self.backbone else None

    @cached_property
    def function(self) -> Loss | None:
        """The loss, of predictions and targets (B, q); None for squared errors."""
        return _KNOWN.get(self.loss) or (_found(self.loss, "loss") if self.loss else None)

    def network(self, inputs: int, outputs: int, seed: int) -> nn.Module | None:
        """A fresh network, its weights drawn from ``seed``; None where ours serves. Raises SchemaError, ShapeError."""
        if self.makes is None:
            return None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            wanted = f"a network of ({inputs},) to ({outputs},) made by {self.backbone}({inputs}, {outputs})"
            try:
                made: Any = self.makes(inputs, outputs)
                ready = isinstance(made, nn.Module) and any(part.requires_grad for part in made.parameters())
                given = made(torch.zeros(3, inputs)) if ready else None
            except Exception as error:
                said = (str(error).splitlines() or [""])[0]
                raise SchemaError(f"{self.backbone}, which raises {type(error).__name__}: {said}", wanted) from error
        if not ready:
            raise SchemaError(f"{self.backbone}, which makes a {type(made).__name__} without weights", wanted)
        if not isinstance(given, Tensor) or given.shape != (3, outputs):
            shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
            raise ShapeError(f"{self.backbone}, whose network makes {shape} of (3, {inputs})", f"(3, {outputs})")
        return made

    def each(self, prediction: Float[Tensor, "B q"], y: Float[Tensor, "B q"]) -> Float[Tensor, " B"]:
        """The loss of each row, the mean of its outputs where there is one for each.

        Raises ShapeError for a loss that was averaged over rows, DtypeError for no numbers.
        """
        assert self.function is not None
        try:
            loss: Any = self.function(prediction, y)
        except Exception as error:
            given = f"the loss {self.loss}, which raises {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            raise SchemaError(given, "a function of predictions and targets (B, q)") from error
        if not isinstance(loss, Tensor) or not loss.is_floating_point():
            raise DtypeError(f"a loss {self.loss} of type {type(loss).__name__}", "a tensor of real numbers")
        if loss.ndim == 0 or len(loss) != len(y):
            given = f"a loss {self.loss} of shape {tuple(loss.shape)} for {counted(len(y), 'row')}"
            raise ShapeError(given, f"({len(y)},), one for each row", "reduction='none' in losses of torch")
        return loss.flatten(1).mean(1) if loss.ndim > 1 else loss


def one_hot(y: Float[Tensor, "n q"]) -> Float[Tensor, "n k"]:
    """Numbers of classes 0, 1, ... as columns of shares; raises SchemaError for anything else.

    >>> one_hot(torch.tensor([[0.0], [1.0], [1.0], [0.0]])).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
    """
    label = y[:, 0].round().long() if y.shape[1] == 1 else y.new_empty(0).long()
    if y.shape[1] != 1 or not torch.equal(label.to(y), y[:, 0]) or bool((label < 0).any()):
        given = (
            f"targets of {counted(y.shape[1], 'column')}"
            if y.shape[1] != 1
            else "targets that are no numbers of classes"
        )
        raise SchemaError(given, "one Scalar column of whole numbers 0, 1, 2, ...", "labels, y = numpy.unique(labels, "
                          "return_inverse=True)")  # fmt: skip
    if int(label.max()) >= len(y) // 2:
        given = f"a class {int(label.max())} among {counted(len(y), 'row')}"
        raise SchemaError(
            given, "classes 0, 1, 2, ..., two rows or more for each", "_, y = numpy.unique(y, return_inverse=True)"
        )
    count = torch.bincount(label)
    if bool((count == 0).any()):
        raise SchemaError(
            f"classes {(count == 0).nonzero().flatten()[:3].tolist()} without a row, of {len(count)}",
            "the classes 0, 1, 2, ..., each with some rows",
            "_, y = numpy.unique(y, return_inverse=True)",
        )
    return nn.functional.one_hot(label).to(y)


def best_constant(own: Own, y: Float[Tensor, "n q"]) -> Float[Tensor, " q"]:
    """The constant prediction of least loss, found from the mean by L-BFGS."""
    mean = y.mean(0)

    def value_and_slope(at: Any) -> tuple[float, Any]:
        with torch.enable_grad():
            constant = torch.from_numpy(at).to(y).requires_grad_()
            loss = own.each(constant.expand_as(y), y).mean()
        (slope,) = torch.autograd.grad(loss, constant)
        return float(loss.detach()), slope.double().cpu().numpy()

    found = scipy.optimize.minimize(value_and_slope, mean.double().cpu().numpy(), jac=True, method="L-BFGS-B")
    constant = torch.from_numpy(found.x).to(y)
    return constant if bool(torch.isfinite(constant).all()) else mean


def _name_of(thing: Any, role: str) -> str:
    """module:name of a function or class at the top of a module, or the text that names one."""
    if isinstance(thing, str):
        return thing.strip()
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if module is None or name is None or "<" in name:
        raise SchemaError(
            f"{role}={name or type(thing).__name__}",
            "a function or class at the top of a module (or of a notebook), or its name module:name",
            "def net(inputs, outputs): ... at the top, not within a function" if role == "backbone" else "",
        )
    try:
        found = _looked_up(module, name)
    except (ImportError, AttributeError):
        found = None
    if found is not thing:
        raise SchemaError(f"{role}={name}", f"the one that {module}:{name} finds", "define it at the top of a module")
    return f"{module}:{name}"


def _found(text: str, role: str) -> Any:
    module, colon, name = text.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        known = f"{', '.join(('squared', *_KNOWN))}, or " if role == "loss" else ""
        raise SchemaError(f"the {role} {text!r}", f"{known}module:name", "such as mypackage.models:net")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as python does: a reader's own module lies where they stand
    try:
        found = _looked_up(module, name)
    except (ImportError, AttributeError) as error:
        raise SchemaError(f"the {role} {text}", "an importable function or class", str(error)) from error
    except Exception as error:
        given = f"the {role} {text}, whose module raises {type(error).__name__}: {error}"
        raise SchemaError(given, "a module that can be imported") from error
    if not callable(found):
        raise SchemaError(f"the {role} {text}, a {type(found).__name__}", "a function or class")
    return found


def _looked_up(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
