"""The exact tensor engine: a metric, its connection and its curvature, in a field of rational functions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from typing import Any, cast

import sympy as sp

from isotropy.errors import DomainError, ShapeError
from isotropy.physics.tensor._field import Element, FunctionField

Grid = dict[tuple[int, ...], Element]
"""The components of a tensor that are not zero."""

_CURVATURE = 2  # derivatives of the metric that curvature needs


class Metric:
    """A metric ``g (n, n)`` in ``coords``: rational functions, functions such as ``Theta(phi)``, sines and cosines.

    ``christoffel[a, b, c]`` is Gamma^a_bc, ``riemann[a, b, c, d]`` is R^a_bcd = d_c Gamma^a_bd - ..., ``ricci`` is
    R^a_bad. What vanishes is 0, with nothing to simplify; everything is computed when it is first asked for.

    Raises ShapeError for a matrix that is not square or does not fit the coordinates; DomainError for one that is not
    symmetric, for a determinant that vanishes, and for entries outside the field. Source: Wald, General Relativity
    (1984), chapter 3.

    >>> t, r, p = sp.symbols("t r p")
    >>> sphere = Metric([[1, 0], [0, sp.sin(t) ** 2]], [t, p])
    >>> sphere.scalar
    2
    >>> Metric([[1, 0], [0, r**2]], [r, p]).christoffel[0, 1, 1]
    -r
    """

    def __init__(self, g: Any, coords: Sequence[sp.Symbol | str]) -> None:
        symbols = [sp.Symbol(x) if isinstance(x, str) else x for x in coords]
        matrix = sp.Matrix(g)
        n = len(symbols)
        if matrix.shape != (n, n):
            raise ShapeError(f"a metric of shape {matrix.shape}", f"({n}, {n}) for coordinates {symbols}")
        if len({str(x) for x in symbols}) < n:
            raise DomainError(f"coordinates {symbols}", "different ones")
        self.coords, self.n = tuple(symbols), n
        self.field = FunctionField(self.coords, matrix.flat(), _CURVATURE)
        self.components = {at: self.field.lift(entry(matrix, *at)) for at in product(range(n), repeat=2)}
        if any(self.components[i, j] != self.components[j, i] for i in range(n) for j in range(i)):
            raise DomainError("a matrix that is not symmetric", "g[i, j] = g[j, i]", "write both halves")
        if not self.determinant_element:
            raise DomainError("a metric whose determinant is 0", "a metric that can be inverted")

    def __repr__(self) -> str:
        return f"Metric({self.g.tolist()}, {self.coords})"

    @cached_property
    def g(self) -> sp.Matrix:
        """The metric itself."""
        return self._matrix(self.components)

    @cached_property
    def determinant_element(self) -> Element:
        return _determinant([[self.components[i, j] for j in range(self.n)] for i in range(self.n)], self.field.zero)

    @property
    def determinant(self) -> sp.Expr:
        """det g."""
        return self.field.expr(self.determinant_element)

    @cached_property
    def inverse_components(self) -> Grid:
        """g^ab as elements, by cofactors."""
        n, det, zero = self.n, self.determinant_element, self.field.zero
        found: Grid = {}
        for i, j in product(range(n), repeat=2):
            if j < i:
                found[i, j] = found[j, i]
                continue
            minor = [[self.components[a, b] for b in range(n) if b != i] for a in range(n) if a != j]
            found[i, j] = (-1) ** (i + j) * _determinant(minor, zero) / det if n > 1 else 1 / det
        return found

    @cached_property
    def inverse(self) -> sp.Matrix:
        """g^ab."""
        return self._matrix(self.inverse_components)

    @cached_property
    def gamma(self) -> Grid:
        """Gamma^a_bc as elements; zeros are left out."""
        n, D = self.n, self.field.diff
        slope = {(i, j, c): D(self.components[i, j], c) for i in range(n) for j in range(i, n) for c in range(n)}

        def dg(i: int, j: int, c: int) -> Element:
            return slope[min(i, j), max(i, j), c]

        found: Grid = {}
        for b in range(n):
            for c in range(b, n):
                low = [(dg(d, b, c) + dg(d, c, b) - dg(b, c, d)) / 2 for d in range(n)]
                for a in range(n):
                    found[a, b, c] = found[a, c, b] = self._sum(
                        (self.inverse_components[a, d], low[d]) for d in range(n)
                    )
        return {key: value for key, value in found.items() if value}

    @property
    def christoffel(self) -> Any:
        """Gamma^a_bc, an array ``(n, n, n)``."""
        return self._array(self.gamma, 3)

    @cached_property
    def curvature(self) -> Grid:
        """R^a_bcd as elements, c < d computed once; zeros are left out."""
        n, D, gamma, zero = self.n, self.field.diff, self.gamma, self.field.zero
        found: Grid = {}
        for a, b in product(range(n), repeat=2):
            for c in range(n):
                for d in range(c + 1, n):
                    value = D(gamma.get((a, b, d), zero), c) - D(gamma.get((a, b, c), zero), d)
                    value += self._sum((gamma.get((a, c, e)), gamma.get((e, b, d))) for e in range(n))
                    value -= self._sum((gamma.get((a, d, e)), gamma.get((e, b, c))) for e in range(n))
                    if value:
                        found[a, b, c, d], found[a, b, d, c] = value, -value
        return found

    @property
    def riemann(self) -> Any:
        """R^a_bcd, an array ``(n, n, n, n)``."""
        return self._array(self.curvature, 4)

    @cached_property
    def ricci_components(self) -> Grid:
        """R_bd as elements, straight from the connection: the Riemann tensor is not needed."""
        n, D, gamma, zero = self.n, self.field.diff, self.gamma, self.field.zero
        trace = [sum((gamma.get((a, a, b), zero) for a in range(n)), zero) for b in range(n)]
        found: Grid = {}
        for b in range(n):
            for d in range(b, n):
                value = sum((D(gamma[a, b, d], a) for a in range(n) if (a, b, d) in gamma), zero) - D(trace[b], d)
                value += self._sum((gamma.get((a, b, d)), trace[a]) for a in range(n))
                pairs = product(range(n), repeat=2)
                value -= self._sum((gamma.get((a, e, d)), gamma.get((e, a, b))) for a, e in pairs)
                found[b, d] = found[d, b] = value
        return found

    @cached_property
    def ricci(self) -> sp.Matrix:
        """R_ab."""
        return self._matrix(self.ricci_components)

    @cached_property
    def scalar_element(self) -> Element:
        return self._sum((self.inverse_components[key], value) for key, value in self.ricci_components.items())

    @property
    def scalar(self) -> sp.Expr:
        """The Ricci scalar."""
        return self.field.expr(self.scalar_element)

    @cached_property
    def schouten(self) -> sp.Matrix:
        """S_ab = (R_ab - R g_ab / (2 (n - 1))) / (n - 2). Raises DomainError in fewer than three dimensions."""
        if self.n < 3:
            raise DomainError(f"{self.n} dimensions", "at least 3 for the Schouten tensor")
        trace = self.scalar_element / (2 * (self.n - 1))
        parts = self.ricci_components.items()
        return self._matrix({key: (value - trace * self.components[key]) / (self.n - 2) for key, value in parts})

    def cov(self, T: Any, indices: str | None = None) -> Any:
        """The covariant derivative of a tensor, its new index last: ``cov(T)[a, ..., c]`` is D_c T_a...

        ``T`` is an array with one axis for each index, ``indices`` says which are up ("u") and down ("d"; all where it
        is left out). Raises ShapeError for sizes and letters that do not fit.

        >>> r, p = sp.symbols("r p")
        >>> plane = Metric([[1, 0], [0, r**2]], [r, p])
        >>> plane.cov([sp.cos(p), -r * sp.sin(p)])[0, 1], set(sp.flatten(plane.cov(plane.g)))
        (0, {0})
        """
        array = self._tensor(T)
        rank = len(array.shape)
        indices = "d" * rank if indices is None else indices
        if len(indices) != rank or set(indices) - {"u", "d"}:
            raise ShapeError(f"indices {indices!r} of a tensor with {rank}", "one of u and d for each", "cov(T, 'ud')")
        home, lifted = self._with(array, 1)
        gamma = {key: home.move(value) for key, value in self.gamma.items()}
        found: Grid = {}
        for at in product(range(self.n), repeat=rank):
            for c in range(self.n):
                value = home.diff(lifted[at], c)
                for place, kind in enumerate(indices):
                    for e in range(self.n):
                        other = lifted[(*at[:place], e, *at[place + 1 :])]
                        key = (at[place], c, e) if kind == "u" else (e, c, at[place])
                        if key in gamma and other:
                            value = value + (gamma[key] * other if kind == "u" else -gamma[key] * other)
                found[(*at, c)] = value
        return self._array(found, rank + 1, home)

    def lie(self, xi: Any) -> sp.Matrix:
        """The Lie derivative ``L_xi g`` by the vector ``xi (n,)``: zero where xi is a Killing vector.

        >>> r, p = sp.symbols("r p")
        >>> Metric([[1, 0], [0, r**2]], [r, p]).lie([sp.cos(p), -sp.sin(p) / r]).is_zero_matrix
        True
        """
        array = self._tensor(xi)
        if array.shape != (self.n,):
            raise ShapeError(f"a vector of shape {tuple(array.shape)}", f"({self.n},)")
        home, v = self._with(array, 1)
        g = {key: home.move(value) for key, value in self.components.items()}
        slope = {(a, b): home.diff(v[(a,)], b) for a in range(self.n) for b in range(self.n)}
        found: Grid = {}
        for i in range(self.n):
            for j in range(i, self.n):
                value = home.zero
                for k in range(self.n):
                    value += v[(k,)] * home.diff(g[i, j], k) + g[k, j] * slope[k, i] + g[i, k] * slope[k, j]
                found[i, j] = found[j, i] = value
        return self._matrix(found, home)

    def _tensor(self, T: Any) -> Any:
        array = sp.Array(T.tolist() if isinstance(T, sp.MatrixBase) else T)
        if any(size != self.n for size in array.shape):
            raise ShapeError(f"a tensor of shape {tuple(array.shape)}", f"every axis of length {self.n}")
        return array

    def _with(self, array: Any, depth: int) -> tuple[FunctionField, Grid]:
        """The field that holds this metric and another tensor, and the tensor in it."""
        keys = list(product(range(self.n), repeat=len(array.shape)))
        home = self.field.joined([array[key] for key in keys], depth)
        return home, {key: home.lift(array[key]) for key in keys}

    def _sum(self, pairs: Any) -> Element:
        return sum((a * b for a, b in pairs if a and b), self.field.zero)

    def _matrix(self, components: Grid, home: FunctionField | None = None) -> sp.Matrix:
        expr = (home or self.field).expr
        return sp.Matrix(self.n, self.n, lambda i, j: expr(components[int(i), int(j)]))

    def _array(self, components: Grid, rank: int, home: FunctionField | None = None) -> Any:
        home = home or self.field
        keys = product(range(self.n), repeat=rank)
        return sp.ImmutableDenseNDimArray([home.expr(components.get(key, home.zero)) for key in keys], (self.n,) * rank)


def entry(matrix: sp.Matrix, i: int, j: int) -> sp.Expr:
    """One entry of a matrix, with its type."""
    return cast(sp.Expr, matrix[i, j])


def _determinant(rows: list[list[Element]], zero: Element) -> Element:
    """By the row with most zeros: metrics have many."""
    if len(rows) == 1:
        return rows[0][0]
    at = max(range(len(rows)), key=lambda i: sum(not value for value in rows[i]))
    rest = rows[:at] + rows[at + 1 :]
    total = zero
    for j, value in enumerate(rows[at]):
        if value:
            minor = [row[:j] + row[j + 1 :] for row in rest]
            total = total + (-1) ** (at + j) * value * _determinant(minor, zero)
    return total
