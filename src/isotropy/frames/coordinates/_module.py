"""Any network on point clouds, made invariant or equivariant under similarities by its coordinates alone.

The wrapping is that of `FrameAveraged`, one `optics.average` with an `MDSFrame`, and not an instance of it, since two
things would have to be undone first: a FrameAveraged has one group from the start, where here the dimension, and with
it the group, is that of the clouds that come; and its frame sees features or segments, where here it needs both.
"""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.frames._averaged import warn_of_dropout
from isotropy.frames.coordinates._frame import MDSFrame
from isotropy.frames.coordinates._invariant import InvariantCoordinates, fitted
from isotropy.groups import SE, DiscreteMeasure, E, Group, Similarity, SimilarityPlus
from isotropy.linalg import Segments
from isotropy.optics import Mode, average
from isotropy.reps import Cloud, Point, parse_type, written_type
from isotropy.settings import Settled


class TransformationInvariant(Settled):
    """``backbone`` on invariant coordinates, its outputs of type ``rep_out`` led back: exact under similarities.

    The settings of ``coords`` say what is divided out: with its ``reflections`` all of Similarity(d) (E(d) for
    scale="none"), else what keeps orientation. Ambiguity "moment" runs the backbone once on a cloud without symmetry
    and once for each symmetry of another; "frame" on all 2^d signs; "augment" on a random one while training, on all
    in eval mode; "signnet" once, and is exact for networks blind to signs (`SignInvariant`) and simple spectra only.

    The backbone takes (y,), then invariant ``features`` where these are given, then the segments in a ragged batch,
    y (copies, n, k) or flat. ``rep_out`` is a type or a tree of them (Point, Vector, Cloud(Vector), "Vector", ...);
    None for outputs that nothing moves. Raises DomainError for outputs that move with "signnet", and what
    `InvariantCoordinates` raises. Source: Zhang et al., arXiv 2112.12345; specification 08 §2.3, §2.6.

    >>> import torch
    >>> model = TransformationInvariant(lambda y: y.relu().mean(1), rep_out="Vector")
    >>> x = torch.tensor([[[0.0, 0.0], [4.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    >>> torch.allclose(model(7 - 3 * x), -3 * model(x))
    True
    """

    def __init__(
        self,
        backbone: Callable[..., Any],
        coords: InvariantCoordinates | None = None,
        rep_out: Any = None,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.chunk = backbone, chunk
        self.coords = InvariantCoordinates() if coords is None else coords
        self.rep_out: Any = parse_type(rep_out)
        if self.coords.ambiguity == "signnet" and self.rep_out is not None:
            given = f"outputs of type {self.rep_out} with ambiguity='signnet'"
            raise DomainError(given, "rep_out=None", "axes without directions carry no vectors: use 'moment'")

    def settings(self) -> dict[str, Any]:
        return {"rep_out": written_type(self.rep_out)}

    def group(self, d: int) -> Group:
        """The group under which clouds of R^d are treated alike."""
        if self.coords.scale == "none":
            return E(d) if self.coords.reflections else SE(d)
        return Similarity(d) if self.coords.reflections else SimilarityPlus(d)

    def forward(self, x: Tensor, segments: Segments | None = None, features: Tensor | None = None) -> Any:
        """Outputs for clouds (B, n, d), or flat (N, d) with ``segments``; ``features`` (..., c) are invariants."""
        coords = self.coords
        coords.check(x, segments)
        frame = MDSFrame(
            self.group(x.shape[-1]),
            "frame" if coords.ambiguity == "augment" else coords.ambiguity,
            coords.scale,
            coords.tol,
            coords.grad,
            invariant=self.rep_out is None,
        )
        drawn = coords.ambiguity == "augment" and self.training
        if not drawn:
            warn_of_dropout(self, "invariant")
        mode: Mode = "stochastic" if drawn else "average"

        def look(value: tuple[Tensor, Tensor], segments: Segments | None = None) -> DiscreteMeasure:
            return frame(value[0], segments, None if features is None else value[1])

        optic = average(
            look,
            (Cloud(Point), Cloud()),
            self.rep_out,
            group=frame.group,
            mode=mode,
            chunk=self.chunk,
            generator=coords.next_signs() if drawn else None,
            segments=segments,
        )
        return optic.close(self._inside)((x, x[..., :0] if features is None else features))

    def _inside(self, value: tuple[Tensor, Tensor], segments: Segments | None = None) -> Any:
        y, features = value
        arguments: list[Any] = [fitted(y, self.coords.out_dim or y.shape[-1])]
        if features.ndim < y.ndim or features.shape[-1]:
            arguments.append(features)
        return self.backbone(*arguments) if segments is None else self.backbone(*arguments, segments)


class SignInvariant(Settled):
    """``h(y) = rho(sum_k [phi(y_k) + phi(-y_k)])``: no sign of a column of ``y (..., d)`` changes it.

    ``phi`` takes single coordinates (..., 1) to (..., c), ``rho`` (..., c) to anything; with ``axes`` the columns are
    not summed but laid side by side, so that ``rho`` takes (..., d * c) and knows which is which. Source: Lim et al.,
    SignNet, arXiv 2202.13013, equation 2; specification 08 §2.3, strategy 4.

    >>> import torch
    >>> layer = SignInvariant(torch.exp, torch.log)
    >>> y = torch.tensor([[0.3, -0.2]])
    >>> torch.equal(layer(y), layer(-y))
    True
    """

    def __init__(self, phi: Callable[[Tensor], Tensor], rho: Callable[[Tensor], Tensor], *, axes: bool = False) -> None:
        super().__init__()
        self.phi, self.rho, self.axes = phi, rho, axes

    def settings(self) -> dict[str, Any]:
        return {"axes": self.axes}

    def forward(self, y: Float[Tensor, "*points d"]) -> Tensor:
        column = y[..., None]
        both = self.phi(column) + self.phi(-column)
        return self.rho(both.flatten(-2) if self.axes else both.sum(-2))
