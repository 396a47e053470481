"""Functions of symmetric matrices, with derivatives that do not notice ties."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function

from isotropy.errors import DomainError
from isotropy.linalg._eigh import axes_of, check_square

Difference = Callable[[Tensor, Tensor], Tensor]
"""The divided difference ``(f(a) - f(b)) / (a - b)`` of a function, entry by entry, with its limit f'(a) at a = b."""


def spectral(C: Tensor, f: Callable[[Tensor], Tensor], difference: Difference) -> Tensor:
    """``f`` of the symmetric part of ``C`` (..., d, d): its eigenvectors with f of its eigenvalues.

    The derivative, forward and reverse, is that of Daleckii and Krein: in the axes of C the direction is multiplied
    entry by entry with the divided differences of f. These have limits where eigenvalues meet, so that nothing is
    undefined there. Once differentiable.

    Raises ShapeError for a matrix that is not square, DomainError for NaN or infinity, DtypeError for other dtypes.
    Source: Daleckii and Krein 1965; Higham, Functions of Matrices (2008), theorem 3.11.

    >>> square = spectral(torch.diag(torch.tensor([1.0, 2.0])), torch.square, lambda a, b: a + b)
    >>> square.tolist()
    [[1.0, 0.0], [0.0, 4.0]]
    """
    check_square(C)
    return _Spectral.apply(C, f, difference)[0]  # pyright: ignore[reportGeneralTypeIssues]


def sym_exp(X: Float[Tensor, "... d d"]) -> Float[Tensor, "... d d"]:
    """The exponential of symmetric matrices: SPD matrices.

    >>> sym_exp(torch.zeros(2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return spectral(X, torch.exp, lambda a, b: b.exp() * _ratio(torch.expm1, a - b))


def sym_log(S: Float[Tensor, "... d d"]) -> Float[Tensor, "... d d"]:
    """The logarithm of SPD matrices. Raises DomainError for an eigenvalue that is not positive.

    >>> sym_log(torch.diag(torch.tensor([1.0, torch.e]))).round(decimals=6).tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    return spectral(S, lambda w: _positive(w).log(), log_difference)


def sym_sqrt(S: Float[Tensor, "... d d"]) -> Float[Tensor, "... d d"]:
    """The SPD square root of SPD matrices. Raises DomainError for an eigenvalue that is not positive.

    >>> sym_sqrt(torch.diag(torch.tensor([4.0, 9.0]))).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    return spectral(S, lambda w: _positive(w).sqrt(), lambda a, b: 1 / (a.sqrt() + b.sqrt()))


def sym_invsqrt(S: Float[Tensor, "... d d"]) -> Float[Tensor, "... d d"]:
    """The inverse of the SPD square root. Raises DomainError for an eigenvalue that is not positive.

    >>> sym_invsqrt(torch.diag(torch.tensor([4.0, 1.0]))).tolist()
    [[0.5, 0.0], [0.0, 1.0]]
    """

    def difference(a: Tensor, b: Tensor) -> Tensor:
        a, b = a.sqrt(), b.sqrt()
        return -1 / (a * b * (a + b))

    return spectral(S, lambda w: _positive(w).rsqrt(), difference)


def log_difference(a: Tensor, b: Tensor) -> Tensor:
    """The divided difference of the logarithm, without cancellation where a and b are close.

    >>> log_difference(torch.tensor([2.0, 4.0]), torch.tensor([2.0, 4.0])).tolist()
    [0.5, 0.25]
    """
    return _ratio(torch.log1p, (a - b) / b) / b


def _ratio(f: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """``f(t)/t`` for a function with f(t) = t + O(t^2) that is accurate near 0."""
    zero = t == 0
    return torch.where(zero, 1.0, f(t) / torch.where(zero, 1.0, t))


def _positive(w: Tensor) -> Tensor:
    if bool((w <= 0).any()):
        row = int((w <= 0).any(-1).flatten().nonzero()[0])
        hint = "a covariance of too few points is singular"
        raise DomainError(f"matrix {row} with the eigenvalue {float(w.min()):.3g}", "positive definite matrices", hint)
    return w


class _Spectral(Function):
    """The axes and the divided differences leave the forward pass, too, since both derivatives need them."""

    @staticmethod
    def forward(C: Tensor, f: Callable[[Tensor], Tensor], difference: Difference) -> tuple[Tensor, Tensor, Tensor]:
        w, V = axes_of(C)
        value = V @ (f(w)[..., None] * V.mT)
        return value.to(C), V.to(C.device), difference(w[..., :, None], w[..., None, :]).to(C.device)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(inputs[0], *output[1:])
        ctx.save_for_forward(*output[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        C, *axes = ctx.saved_tensors
        return once(_derivative(grads[0], *axes), C), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, None, None]:
        return _derivative(tangents[0], *ctx.saved_tensors), None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[Any, Any]:
        # Batches are native; the checks of `forward` then always see plain tensors.
        C, f, difference = args
        return _Spectral.apply(C.movedim(in_dims[0], 0), f, difference), (0, 0, 0)


def _derivative(direction: Tensor, V: Tensor, differences: Tensor) -> Tensor:
    """Symmetric in the directions: the derivative and its transpose are one."""
    inner = V.mT @ ((direction + direction.mT) / 2).to(V) @ V
    return (V @ (differences * inner) @ V.mT).to(direction)


def once(gradient: Tensor, source: Tensor) -> Tensor:
    """The ``gradient`` with respect to ``source``, for which a further derivative is an error and not zero.

    >>> x = torch.ones(2, requires_grad=True)
    >>> once(x.detach(), x).sum().backward()
    Traceback (most recent call last):
        ...
    RuntimeError: a second derivative of a matrix function that has only the first
    """
    return _Once.apply(gradient, source)  # pyright: ignore[reportReturnType]


class _Once(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(gradient: Tensor, source: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        raise RuntimeError("a second derivative of a matrix function that has only the first")
