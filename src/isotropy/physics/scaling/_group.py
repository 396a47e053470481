"""Anisotropic dilations: one factor, and a power of it for each named quantity."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import torch
from torch import Tensor

from isotropy.errors import DomainError, SchemaError
from isotropy.groups import DiscreteMeasure, Group, Scale
from isotropy.physics.scaling._dimensions import pi_groups
from isotropy.reps import Rep, Scalar

Quantities = Mapping[str, Tensor]


@dataclass(frozen=True)
class ScalingGroup:
    """Multiplication of quantities by ``lam ** weights[name]``: ``Scale(1)`` on weighted Scalars, and their names.

    ``group`` and ``types`` go wherever a group and types do: ``equivariance_error``, ``average``, ``canonicalise``.
    Raises SchemaError for no weights, and for weights that are no fractions.

    >>> kepler = ScalingGroup({"a": 1, "P": Fraction(3, 2)})
    >>> kepler.act(4.0, {"a": torch.tensor([2.0]), "P": torch.tensor([1.0])})
    {'a': tensor([8.]), 'P': tensor([8.])}
    >>> kepler.invariants()
    [{'a': Fraction(3, 1), 'P': Fraction(-2, 1)}]
    """

    weights: Mapping[str, Fraction | int | str | float]

    def __post_init__(self) -> None:
        if not self.weights:
            raise SchemaError("no weights", 'a weight for each quantity, such as {"a": 1, "P": Fraction(3, 2)}')
        exact: dict[str, Fraction] = {}
        for name, value in self.weights.items():
            if isinstance(value, float):
                hint = f"Fraction({str(value)!r}) is what {value} is in decimals"
                raise SchemaError(f"the weight {value} of {name}", "an integer or a Fraction", hint)
            exact[name] = Fraction(value)
        object.__setattr__(self, "weights", exact)

    @property
    def group(self) -> Group:
        """Multiplications by a positive number, as a matrix (1, 1)."""
        return Scale(1)

    @cached_property
    def exponents(self) -> dict[str, Fraction]:
        """The weights as fractions."""
        return {name: Fraction(value) for name, value in self.weights.items()}

    @property
    def types(self) -> dict[str, Rep]:
        """The type of each quantity, a weighted Scalar: the type of a dictionary of tensors (rows, 1)."""
        return {name: Scalar.weighted(weight)(name) for name, weight in self.exponents.items()}

    def act(self, lam: float | Tensor, values: Quantities) -> dict[str, Tensor]:
        """The quantities times ``lam ** weight``; ``lam`` is a number or broadcasts against each of them.

        Raises DomainError unless lam is positive, SchemaError for a quantity without a weight.
        """
        factor = torch.as_tensor(lam)
        if not bool((factor > 0).all()):
            raise DomainError(f"lam = {lam}", "a positive factor")
        unknown = [name for name in values if name not in self.exponents]
        if unknown:
            raise SchemaError(f"the quantity {unknown[0]!r}", f"those with a weight: {', '.join(self.exponents)}")
        # Factors of whole numbers are no whole numbers.
        real = {
            n: v if v.is_floating_point() or v.is_complex() else v.to(torch.get_default_dtype())
            for n, v in values.items()
        }
        return {name: value * factor.to(value) ** float(self.exponents[name]) for name, value in real.items()}

    def invariants(self) -> list[dict[str, Fraction]]:
        """Exponents of products of powers that no scaling changes: integers, a basis of all such products."""
        common = math.lcm(*(weight.denominator for weight in self.exponents.values()))
        table = [[int(weight * common)] for weight in self.exponents.values()]
        return [dict(zip(self.exponents, map(Fraction, row), strict=True)) for row in pi_groups(table)]

    def quotient(self, values: Quantities, by: str | None = None) -> dict[str, Tensor]:
        """Coordinates on the orbits: all quantities scaled until ``by`` (the first with a weight) is 1 or -1.

        Raises DomainError where that quantity is 0, SchemaError for one without a weight or of weight 0.
        """
        name = self._gauge(by)
        return self.act(_measured(values[name], self.exponents[name]) ** -1, values)

    def frame(self, by: str | None = None) -> Callable[[Quantities], DiscreteMeasure]:
        """The frame of ``quotient``: for each row the scaling that leads there from the quotient, as one atom.

        >>> from isotropy.optics import canonicalise
        >>> kepler = ScalingGroup({"a": 1, "P": Fraction(3, 2)})
        >>> there = canonicalise(kepler.frame("a"), kepler.types, None, group=kepler.group)
        >>> there.close(lambda x: x["P"])({"a": torch.tensor([[4.0]]), "P": torch.tensor([[8.0]])})
        tensor([[1.]])
        """
        name = self._gauge(by)

        def choose(values: Quantities) -> DiscreteMeasure:
            lam = _measured(values[name], self.exponents[name]).reshape(-1, 1, 1, 1)
            return DiscreteMeasure(lam, torch.zeros_like(lam[:, :, 0, 0]))

        return choose

    def _gauge(self, by: str | None) -> str:
        moved = [name for name, weight in self.exponents.items() if weight]
        if by is None and moved:
            return moved[0]
        if by not in moved:
            raise SchemaError(f"by={by!r}", f"a quantity with a weight that is not 0: {', '.join(moved) or 'none'}")
        return by


def _measured(value: Tensor, weight: Fraction) -> Tensor:
    if bool((value == 0).any()):
        raise DomainError("a quantity that is 0", "one that scaling can bring to 1 or -1", "choose another with by=")
    return value.abs() ** (1 / float(weight))
