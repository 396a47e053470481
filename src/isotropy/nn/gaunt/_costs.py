"""What the forms of a product cost on a machine, and so which of them ``method="auto"`` takes for how many rows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from isotropy.errors import SchemaError
from isotropy.nn.gaunt._method import Method
from isotropy.nn.gaunt._work import Size, work

FORMS: tuple[Method, ...] = ("grid", "grid_separable")
"""Those among which ``auto`` chooses: the tensor of all coefficients loses from L1 = L2 = 1 on, and wins below."""


@dataclass(frozen=True)
class Prices:
    """Seconds of a step, of a million operations in matrix products, and of a million numbers moved, in float32."""

    step: float
    operations: float
    numbers: float


@dataclass(frozen=True)
class Band:
    """Up to ``rows`` take ``method``, in pieces of ``piece`` rows, so that their values stay in the cache."""

    rows: float
    method: Method
    piece: int


@dataclass(frozen=True)
class ProductCosts:
    """The cost model of products on the sphere on one machine: seconds from what a form does, by constants.

    ``forward`` and ``gradients`` (forward and backward) hold the ``Prices`` of each form; ``piece`` is the size in
    bytes of the arrays in which many rows are taken, 0 for any; ``kept`` the seconds that a million numbers moved cost
    more with gradients of two pieces or more: what all of them keep for the way back is larger than the cache.
    ``print`` shows them; ``seconds`` applies them.

    >>> prices = {form: Prices(1e-5, 1e-5, 1e-4) for form in FORMS}
    >>> costs = ProductCosts("of an example", prices, prices, piece=1 << 20)
    >>> costs.seconds("grid", Size(4, 4, 8), 32) < costs.seconds("grid", Size(4, 4, 8), 4096)
    True
    """

    machine: str
    forward: Mapping[Method, Prices]
    gradients: Mapping[Method, Prices]
    piece: int
    kept: float = 0.0

    def seconds(self, method: Method, size: Size, rows: float, gradients: bool = False, itemsize: int = 4) -> float:
        """Seconds of ``rows`` products; numbers of 8 bytes cost twice those of 4."""
        piece = self.rows_in_a_piece(method, size, itemsize) if gradients else 0
        return self._seconds(method, size, rows, gradients, itemsize, bool(piece) and rows >= 2 * piece)

    def _seconds(
        self, method: Method, size: Size, rows: float, gradients: bool, itemsize: int, many: bool = False
    ) -> float:
        """The same in one piece, or in ``many``."""
        done, prices = work(method, size), (self.gradients if gradients else self.forward)[method]
        operations, numbers = done.operations * rows, done.numbers * rows + done.table
        price = prices.numbers + (self.kept if many else 0.0)
        return prices.step * done.steps + itemsize / 4e6 * (prices.operations * operations + price * numbers)

    def rows_in_a_piece(self, method: Method, size: Size, itemsize: int = 4) -> int:
        """How many rows have values of about ``piece`` bytes; 0 for any."""
        return self.piece and max(self.piece // (itemsize * work(method, size).array), 1)

    def bands(self, size: Size, gradients: bool, itemsize: int = 4) -> tuple[Band, ...]:
        """The fastest form for each number of rows, few first: seconds are linear in rows up to those of a piece, and
        with gradients beyond two.

        >>> prices = {"grid": Prices(1e-5, 1e-5, 0), "grid_separable": Prices(1e-4, 1e-5, 0)}
        >>> costs = ProductCosts("of an example", prices, prices, piece=0)
        >>> [band.method for band in costs.bands(Size(6, 6, 12), False)]
        ['grid', 'grid_separable']
        """
        few, many = sorted(FORMS, key=lambda form: self.seconds(form, size, 1.0, gradients, itemsize))
        crossing = self._crossing(few, many, size, gradients, itemsize)
        piece = min(self.rows_in_a_piece(form, size, itemsize) or math.inf for form in FORMS)
        # Forward alone, all goes on beyond a piece as in it.
        found: list[tuple[float, Method]] = (
            [(math.inf, few)] if crossing >= piece else [(math.floor(crossing), few), (math.inf, many)]
        )
        if gradients and piece < math.inf:
            rows = 2 * piece
            last = min(FORMS, key=lambda form: self._seconds(form, size, rows, True, itemsize, many=True))
            if last != found[-1][1]:
                found = [*found[:-1], (rows - 1, found[-1][1]), (math.inf, last)]
        return tuple(self._band(rows, method, size, itemsize) for rows, method in found)

    def _crossing(self, now: Method, then: Method, size: Size, gradients: bool, itemsize: int) -> float:
        """From how many rows ``then`` is faster than ``now``, which is faster for one; infinity for never."""
        behind, other = (
            self._seconds(then, size, rows, gradients, itemsize) - self._seconds(now, size, rows, gradients, itemsize)
            for rows in (0.0, 1.0)
        )
        return behind / (behind - other) if behind > other else math.inf

    def _band(self, rows: float, method: Method, size: Size, itemsize: int) -> Band:
        return Band(rows, method, self.rows_in_a_piece(method, size, itemsize))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> ProductCosts:
        """Raises SchemaError for what is no such record, or has constants that are no costs."""
        try:
            told = json.loads(text)
            prices: list[dict[Method, Prices]] = [
                {form: Prices(**told[name][form]) for form in FORMS} for name in ("forward", "gradients")
            ]
            forward, gradients = prices
            found = cls(str(told["machine"]), forward, gradients, int(told["piece"]), float(told["kept"]))
            sound = (
                found.piece >= 0
                and 0 <= found.kept < math.inf
                and all(map(_sound, (*forward.values(), *gradients.values())))
            )
        except (ValueError, TypeError, KeyError) as error:
            raise SchemaError("no costs of products", "what ProductCosts.to_json writes") from error
        if not sound:
            raise SchemaError("costs below zero, or without end", "seconds of 0 or more, not all of them 0")
        return found

    def __str__(self) -> str:
        lines = [f"products on the sphere on {self.machine}", ""]
        lines += [f"{'':24s} {'us a step':>10s} {'Gflop/s':>10s} {'ns a number':>12s}"]
        for name, prices in (("forward", self.forward), ("with gradients", self.gradients)):
            for form in FORMS:
                one = prices[form]
                speed = 1e-3 / one.operations if one.operations else math.inf
                lines.append(f"{form + ', ' + name:32s} {1e6 * one.step:8.1f} {speed:10.1f} {1e3 * one.numbers:10.3f}")
        pieces = f"in pieces of {self.piece / 1024:.0f} KiB" if self.piece else "all at once"
        kept = f", with gradients {1e3 * self.kept:.3g} ns more a number" if self.piece else ""
        return "\n".join([*lines, "", f"many rows: {pieces}{kept}"])


def _sound(prices: Prices) -> bool:
    values = (prices.step, prices.operations, prices.numbers)
    return all(math.isfinite(value) and value >= 0 for value in values) and any(values)
