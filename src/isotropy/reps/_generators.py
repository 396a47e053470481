"""A type under the generators of a group: enough to know whether anything moves, and whether lengths are kept."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.groups import Group
from isotropy.groups.parts import matrix as whole
from isotropy.reps._acting import factor_groups
from isotropy.reps._action import term_derivative, term_matrix
from isotropy.reps._factor import HARMONIC
from isotropy.reps._layout import sizes
from isotropy.reps._rep import Factor, Rep, Term
from isotropy.reps._wigner import check_turns

_EXACT = 1e-10


def discrete_matrices(term: Term, G: Group, known: dict[str, int]) -> list[Float[Tensor, "d d"]]:
    """rho of the discrete generators of each factor of ``G``, the other factors at rest."""
    found: list[Tensor] = []
    for H in factor_groups(G):
        if H.space in term.spaces:
            found += [term_matrix(term, {H.space: (H, h)}, known, torch.float64) for h in _float64(whole(H.discrete))]
    return found


def algebra_matrices(term: Term, G: Group, known: dict[str, int]) -> list[Float[Tensor, "d d"]]:
    """drho of the Lie-algebra basis of each factor of ``G``."""
    found: list[Tensor] = []
    for H in factor_groups(G):
        if H.space in term.spaces and H.dim:
            found += [term_derivative(term, {H.space: (H, A)}, known) for A in _float64(whole(H.algebra.basis))]
    return found


def _float64(g: Tensor) -> Tensor:
    return g.detach().to("cpu", torch.float64) if g.is_floating_point() else g.to("cpu")


def linear_part(rep: Rep) -> Rep:
    """``rep`` with its Points read as Vectors, differences from a point of reference.

    >>> from isotropy.reps import Point, Scalar
    >>> print(linear_part(Scalar + 3 * Point))
    Scalar + 3*Vector
    """

    def linear(term: Term) -> Term:
        return Term((Factor("Vector", term.factors[0].space),)) if term.affine else term

    return rep.each(linear)


def check_harmonic(rep: Rep, G: Group) -> None:
    """Raise DomainError where ``G`` acts on the space of an Irrep or a Sphere by more than turns and stretches."""
    for part in rep.copies:
        for factor in part.term.factors:
            H = G.factor(factor.space)
            if factor.kind in HARMONIC and H is not None:
                check_turns(H)
        if part.term.tail is not None:
            check_harmonic(part.term.tail, G)


def translates(G: Group, space: str) -> bool:
    """Whether ``G`` moves the origin of a space: its elements are homogeneous matrices there.

    >>> from isotropy.groups import parse
    >>> translates(parse("SE(3)"), "space"), translates(parse("SO(3)"), "space")
    (True, False)
    """
    acting = G.factor(space)
    return acting is not None and acting.affine


def refuse_rates(rep: Rep, G: Group) -> None:
    """Raise DomainError where ``G`` would move Pixels continuously: they jump."""
    for part in rep.copies:
        for factor in part.term.factors:
            H = G.factor(factor.space)
            if factor.kind == "Pixels" and H is not None and H.dim:
                raise DomainError(f"a continuous motion of {rep} by {H}", "a finite group such as D(4)")
        if part.term.tail is not None:
            refuse_rates(part.term.tail, G)


def _at_rest(rep: Rep, G: Group) -> dict[str, int]:
    """Dimensions for questions that do not depend on those of the spaces on which nothing acts."""
    known = dict.fromkeys(rep.spaces, 1) | {f"Adjoint on {space}": 1 for space in rep.spaces}
    return known | sizes(Rep(), G)


@lru_cache(maxsize=1024)
def is_trivial(rep: Rep, G: Group) -> bool:
    if any(part.term.affine and translates(G, part.term.space) for part in rep.copies):
        return False
    linear = linear_part(rep)
    known = _at_rest(linear, G)
    for term in {part.term for part in linear.copies}:
        still = [matrix - torch.eye(len(matrix), dtype=matrix.dtype) for matrix in discrete_matrices(term, G, known)]
        if any(float(move.abs().max()) > _EXACT for move in still + algebra_matrices(term, G, known)):
            return False
    return True


@lru_cache(maxsize=1024)
def is_orthogonal(rep: Rep, G: Group) -> bool:
    linear = linear_part(rep)
    known = _at_rest(linear, G)
    for term in {part.term for part in linear.copies}:
        turns = discrete_matrices(term, G, known)
        defects = [turn.mT @ turn - torch.eye(len(turn), dtype=turn.dtype) for turn in turns]
        defects += [move + move.mT for move in algebra_matrices(term, G, known)]
        if any(float(defect.abs().max()) > _EXACT for defect in defects):
            return False
    return True
