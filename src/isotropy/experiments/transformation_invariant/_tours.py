"""Tours through cities: lengths, local search for whole batches at once, and true optima by integer programming."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

_SEGMENT = 3  # longest piece of a tour that or-opt moves
_ROUNDING = 16  # gains below so many ulps of the longest edge are rounding, and would let the search run in circles


def distances(x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n n"]:
    """Euclidean distances by differences, since the expansion of squares loses the digits of clouds far away.

    >>> distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))[0, 1].item()
    5.0
    """
    return torch.linalg.vector_norm(x[..., :, None, :] - x[..., None, :, :], dim=-1)


def tour_length(D: Float[Tensor, "B n n"], tour: Int[Tensor, "B n"]) -> Float[Tensor, " B"]:
    """The length of closed tours, in the units of D.

    >>> tour_length(distances(torch.tensor([[[0.0], [1.0], [3.0]]])), torch.tensor([[0, 1, 2]])).item()
    6.0
    """
    return along(D, tour, tour.roll(-1, 1)).sum(1)


def along(D: Float[Tensor, "B n n"], start: Int[Tensor, "B m"], end: Int[Tensor, "B m"]) -> Float[Tensor, "B m"]:
    """The entries ``D[b, start, end]``."""
    return D.flatten(1).gather(1, start * D.shape[-1] + end)


def two_opt(D: Float[Tensor, "B n n"], tour: Int[Tensor, "B n"], *, pieces: bool = False) -> Int[Tensor, "B n"]:
    """Tours that no exchange of two edges shortens, each reached by the best exchange at every step.

    With ``pieces`` a piece of up to three cities may also move elsewhere, either way round (or-opt). ``D`` is
    symmetric. Source: Croes 1958; Or 1976.

    >>> square = distances(torch.tensor([[[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]]))
    >>> tour_length(square, two_opt(square, torch.tensor([[0, 2, 1, 3]]))).item()
    4.0
    """
    tour = tour.clone()
    left = torch.arange(len(tour))
    while len(left):
        keys, gain = _best_move(_along_tour(D[left], tour[left]), pieces)
        better = gain > _ROUNDING * torch.finfo(D.dtype).eps * D[left].amax((1, 2))
        left, keys = left[better], keys[better]
        tour[left] = tour[left].gather(1, keys.argsort(1))
    return tour


def short_tours(
    D: Float[Tensor, "B n n"], *, starts: int, generator: torch.Generator, chunk: int = 4096
) -> Int[Tensor, "B n"]:
    """The shortest of ``starts`` local optima of 2-opt and or-opt from random tours: near-optimal for tens of cities.

    >>> D = distances(torch.rand(2, 7, 2, generator=torch.Generator().manual_seed(0)))
    >>> bool((short_tours(D, starts=4, generator=torch.Generator()).sort(1).values == torch.arange(7)).all())
    True
    """
    B, n = D.shape[:2]
    found: list[Tensor] = []
    first = torch.rand(B, starts, n, generator=generator).argsort(2)
    for rows, tours in zip(D.split(max(1, chunk // starts)), first.split(max(1, chunk // starts)), strict=True):
        copies = rows.repeat_interleave(starts, 0)
        local = two_opt(copies, tours.flatten(0, 1), pieces=True)
        best = tour_length(copies, local).view(-1, starts).argmin(1)
        found.append(local.view(-1, starts, n)[torch.arange(len(rows)), best])
    return torch.cat(found)


def _along_tour(D: Tensor, tour: Tensor) -> Tensor:
    """Distances between places on the tour instead of cities."""
    n = tour.shape[1]
    return D.gather(1, tour[:, :, None].expand(-1, -1, n)).gather(2, tour[:, None, :].expand(-1, n, -1))


def _best_move(E: Tensor, pieces: bool) -> tuple[Tensor, Tensor]:
    """Keys ``(B, n)`` whose order is that of the places after the best move, and what it gains ``(B,)``."""
    n = E.shape[-1]
    place = torch.arange(n, dtype=E.dtype)
    gains = [_exchange_gains(E)]
    lengths = range(1, min(_SEGMENT, n - 3) + 1) if pieces else ()
    for length in lengths:
        gains.extend(_piece_gains(E, length))
    gain, move = torch.stack([g.flatten(1) for g in gains], 1).flatten(1).max(1)
    kind, i, j = move // n**2, (move % n**2 // n)[:, None], (move % n)[:, None]
    # The exchange of edges (i, i+1) and (j, j+1) turns the places i+1 .. j round.
    keys = torch.where((place > i) & (place <= j), i + 1 + j - place, place)
    for number, length in enumerate(lengths):
        offset = (place - i) % n  # places of the piece are those with offset < length
        for turned in (0, 1):
            step = (length - offset if turned else offset + 1) / (length + 1)
            moved = torch.where(offset < length, j + step, place)
            keys = torch.where((kind == 1 + 2 * number + turned)[:, None], moved, keys)
    return keys, gain


def _exchange_gains(E: Tensor) -> Tensor:
    n = E.shape[-1]
    edge = E.diagonal(1, -2, -1)
    edge = torch.cat([edge, E[:, -1:, 0]], 1)
    after = E.roll((-1, -1), (1, 2))
    gain = edge[:, :, None] + edge[:, None, :] - E - after
    return gain.masked_fill(torch.ones(n, n, dtype=torch.bool).tril(), -torch.inf)


def _piece_gains(E: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Gains of moving the places i .. i+length-1 between j and j+1, straight and turned round."""
    n = E.shape[-1]
    place = torch.arange(n)
    last, before, after, following = (place + length - 1) % n, (place - 1) % n, (place + length) % n, (place + 1) % n
    taken = E[:, before, place] + E[:, last, after] - E[:, before, after]
    opened = E[:, place, following]
    closed = taken[:, :, None] + opened[:, None, :]
    straight = closed - E - E[:, last][:, :, following]
    turned = closed - E[:, last] - E[:, :, following]
    # Neither j nor the edge behind it may touch the piece: j is none of i-1 .. i+length-1.
    inside = (place[None, :] - before[:, None]) % n <= length
    return straight.masked_fill(inside, -torch.inf), turned.masked_fill(inside, -torch.inf)
