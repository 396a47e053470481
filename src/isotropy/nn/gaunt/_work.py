"""What each form of a product does: operations, numbers moved and steps, counted from its degrees."""

from dataclasses import dataclass

from isotropy.nn.gaunt._method import Method


@dataclass(frozen=True)
class Size:
    """A product of degrees L1 and L2, projected to L3.

    ``lifted`` counts the functions that are made of each input (its values, both slopes), ``projected`` those that are
    projected, ``copies`` the ranks, which repeat all that is lifted.
    """

    L1: int
    L2: int
    L3: int
    lifted: int = 1
    projected: int = 1
    copies: int = 1

    @property
    def coefficients(self) -> tuple[int, int, int]:
        """(L+1)^2 of both inputs and of the output."""
        return (self.L1 + 1) ** 2, (self.L2 + 1) ** 2, (self.L3 + 1) ** 2

    @property
    def grid(self) -> tuple[int, int]:
        """The points of ``SphereGrid.minimal`` in theta and phi."""
        total = self.L1 + self.L2 + self.L3
        return total // 2 + 1, total + 1


@dataclass(frozen=True)
class Work:
    """``steps`` of a call, whatever its rows; ``operations`` of matrix products and ``numbers`` moved for each row;
    ``table``, the constants that each call reads; ``array``, the numbers of a row in the largest array."""

    steps: float
    operations: float
    numbers: float
    table: float
    array: int


def work(method: Method, size: Size) -> Work:
    """The work of one form; what it costs, the machine says.

    >>> few, many = (work("grid", Size(L, L, L)).operations for L in (8, 16))
    >>> 12 < many / few < 16  # O(L^4)
    True
    """
    if method == "dense":
        return _of_the_tensor(size)
    return _of_whole_matrices(size) if method == "grid" else _order_by_order(size)


def _of_the_tensor(size: Size) -> Work:
    k1, k2, k3 = size.coefficients
    copies = size.copies * size.projected
    moved = copies * (2 * k1 * k2 + k3) + size.copies * (k1 + k2)
    return Work(copies, 2 * copies * k1 * k2 * k3, moved, k1 * k2 * k3, size.copies * k1 * k2)


def _of_whole_matrices(size: Size) -> Work:
    k1, k2, k3 = size.coefficients
    points = size.grid[0] * size.grid[1]
    lifted, projected = size.lifted * size.copies, size.projected
    operations = 2 * points * (lifted * (k1 + k2) + projected * k3)
    # Each value is written, read by the multiplication, and what that writes is read by the projection.
    moved = lifted * (k1 + k2 + 4 * points) + projected * (points + k3)
    table = points * (size.lifted * (k1 + k2) + projected * k3)
    return Work((size.lifted + projected) / 2, operations, moved, table, size.copies * points)


def _order_by_order(size: Size) -> Work:
    """As ``Synthesis`` and ``Analysis`` do it: over degrees for each order and circle, then over orders."""
    n_theta, n_phi = size.grid
    operations = moved = table = 0.0
    lifted = size.lifted * size.copies
    for L, times in ((size.L1, lifted), (size.L2, lifted), (size.L3, size.projected)):
        m, k = 2 * L + 1, (L + 1) ** 2
        operations += times * 2 * n_theta * m * (L + 1 + n_phi)
        # Gathered entries, sums over degrees, values: each written once and read once.
        moved += times * (2 * k + 2 * m * (L + 1) + 2 * m * n_theta + 2 * n_theta * n_phi)
        table += times * m * (n_theta * (L + 1) + n_phi)
    return Work((size.lifted + size.projected) / 2, operations, moved, table, size.copies * n_theta * n_phi)
