"""Products of functions on the sphere: Gaunt's, Poisson's bracket, and both together."""

from typing import Unpack

from isotropy.errors import DomainError
from isotropy.nn.gaunt._engine import Parities, Settings, SphereProduct


class GauntProduct(SphereProduct):
    """The pointwise product of two functions on the sphere, projected to degrees 0..L3: equivariant under O(3).

    x ``(..., C, (L1+1)^2)`` and y ``(..., C, (L2+1)^2)`` -> ``(..., C, (L3+1)^2)``, L3 = L1 + L2 by default:
    ``out_l3m3 = sum G x_l1m1 y_l2m2``. Only products of full degree associate.

    - ``L1``, ``L2``, ``L3``: the highest degrees. ``strict`` refuses L3 > L1 + L2, which else warns.
    - ``weights``: "none" by default; "degree" scales degrees by ``w1[l1] w2[l2] w3[l3]``, for each channel; "rank" adds
      ``rank`` (1) such products, with w3 in common (one projection), or each with its own where not ``shared``: then
      enough of them reach every even path. Both start at unit variance, "rank" from ``generator``, by default torch's
      global one.
    - ``channels``: C, which weights need to know; by default any.
    - ``normalization``: of the harmonics that coefficients multiply, by default "integral".
    - ``method``: "grid", "grid_separable", "fourier" or "dense", all exact; by default "auto", which chooses by size.
    - ``include_odd`` appends the bracket of ``PoissonProduct``, with weights of its own, as further channels: the
      output is the pair ``(..., 2C, (L3+1)^2)`` of type ``C * Sphere(L3) + C * Sphere(L3, -1)``.
    - ``parities``: which inputs are pseudofunctions (-1). ``check_finite`` refuses NaN.

    Raises ShapeError, DtypeError (both at the call) and DomainError.
    Source: Luo, Chen, Krishnapriyan 2024; grids of Xie, Daigavane, Kotak, Smidt 2025.

    >>> import torch
    >>> gaunt = GauntProduct(1, 1, 2)
    >>> one = torch.tensor([[(4 * torch.pi) ** 0.5, 0.0, 0.0, 0.0]])
    >>> gaunt(one, torch.tensor([[1.0, 2.0, 3.0, 4.0]]))[..., :4]
    tensor([[1.0000, 2.0000, 3.0000, 4.0000]])
    """

    def __init__(
        self,
        L1: int,
        L2: int,
        L3: int | None = None,
        *,
        include_odd: bool = False,
        parities: tuple[int, int] = (1, 1),
        **settings: Unpack[Settings],
    ) -> None:
        L3 = L1 + L2 if L3 is None else L3
        super().__init__(L1, L2, L3, parities=_single(parities), even=True, odd=include_odd, **settings)


class PoissonProduct(SphereProduct):
    """The bracket {x, y} = r . (grad x x grad y) of two functions on the sphere: the odd paths, which Gaunt loses.

    x ``(..., C, (L1+1)^2)`` and y ``(..., C, (L2+1)^2)`` -> ``(..., C, (L3+1)^2)``, L3 = L1 + L2 - 1 by default. The
    output of two proper functions is a pseudofunction, ``rep_out = C * Sphere(L3, -1)``: {a.r, b.r} = (a x b).r.
    Parameters and errors are those of ``GauntProduct``: ``weights``, ``rank``, ``shared``, ``channels``,
    ``normalization``, ``method``, ``parities``, ``strict``, ``check_finite``, ``generator``.
    Source: Bochkarev, Lysogorskiy, Drautz 2026.

    >>> import torch
    >>> bracket = PoissonProduct(1, 1, 1, normalization="norm")
    >>> x, y = torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 1.0, 0.0]])
    >>> bracket(x, y).round(decimals=6).abs()
    tensor([[0., 0., 0., 1.]])
    """

    def __init__(
        self,
        L1: int,
        L2: int,
        L3: int | None = None,
        *,
        parities: tuple[int, int] = (1, 1),
        **settings: Unpack[Settings],
    ) -> None:
        L3 = max(L1 + L2 - 1, 0) if L3 is None else L3
        super().__init__(L1, L2, L3, parities=_single(parities), even=False, odd=True, **settings)


class CompleteProduct(SphereProduct):
    """The product of pairs of a proper and a pseudofunction on the sphere, by all paths, even and odd.

    x ``(..., 2C, (L1+1)^2)``, y ``(..., 2C, (L2+1)^2)`` -> ``(..., 2C, (L3+1)^2)``: C proper channels, then C pseudo
    ones, of type ``C * Sphere(L) + C * Sphere(L, -1)``. With x = (a, a') and y = (b, b') the proper part is ``ab + a'b'
    + {a, b'} + {a', b}``, the pseudo part ``ab' + a'b + {a, b} + {a', b'}``. ``pairs=(True, False)`` takes proper
    functions alone as y, (..., C, (L2+1)^2). With ``weights`` each part of each input has its own, ``channels`` is C.
    As in ``GauntProduct``: ``rank``, ``shared``, ``normalization``, ``method``, ``strict``, ``check_finite``,
    ``generator``. Source: specification 05 §2.7.

    >>> import torch
    >>> complete = CompleteProduct(1, 1, 2)
    >>> complete(torch.ones(5, 4, 4), torch.ones(5, 4, 4)).shape
    torch.Size([5, 4, 9])
    """

    def __init__(
        self,
        L1: int,
        L2: int,
        L3: int | None = None,
        *,
        pairs: tuple[bool, bool] = (True, True),
        **settings: Unpack[Settings],
    ) -> None:
        first, second = ((1, -1) if pair else (1,) for pair in pairs)
        L3 = L1 + L2 if L3 is None else L3
        super().__init__(L1, L2, L3, parities=(first, second), even=True, odd=True, **settings)


def _single(parities: tuple[int, int]) -> tuple[Parities, Parities]:
    if not all(p in (1, -1) for p in parities):
        raise DomainError(f"parities={parities}", "1 (proper) or -1 (pseudo) for each input")
    return (parities[0],), (parities[1],)
