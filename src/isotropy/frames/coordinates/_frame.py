"""The frame of invariant coordinates: the similarities that take them back to the cloud."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import DomainError, FrameSizeError, counted, one_of
from isotropy.frames._padded import DegenerateCloudError, check_cloud, check_numbers, log_of, stacked
from isotropy.frames._pca import PCAFrame
from isotropy.frames._signs import stabilizer_rule
from isotropy.frames._spectrum import Scaling, size_of
from isotropy.frames.coordinates._orientation import Oriented, oriented
from isotropy.groups import SE, DiscreteMeasure, E, Group, Similarity, SimilarityPlus, homogeneous, linear, parse
from isotropy.groups.parts import reflect_last
from isotropy.linalg import Segments

_MOST = 4096


@dataclass(frozen=True, init=False)
class MDSFrame:
    """``PCAFrame`` x scale with as few atoms as there can be, on Similarity(d), Similarity+(d), E(d) or SE(d).

    Atoms take `InvariantCoordinates` back to the cloud.

    - ``group``: one of these.
    - ``ambiguity``: "moment" gives one atom where odd moments decide all directions, else one for each symmetry of the
      cloud; "frame" all that principal axes leave open, as `PCAFrame`; "signnet" leaves the signs of one as they come.
    - ``scale``: "rms", "max" or "mean_dist" for similarities, by default "rms"; E(d) and SE(d) have none.
    - ``tol``, ``grad`` as in `PCAFrame`.
    - ``invariant``: directions without extent take a single element, for outputs that nothing moves, instead of a
      finite set that is exact for outputs of tensor rank 2.

    Call with clouds (B, n, d), or flat (N, d) with segments, and invariant ``features`` of the points. Raises
    DegenerateCloudError for the scale of a cloud without extent; FrameSizeError for more than 4096 atoms; ShapeError,
    DtypeError, DomainError. Source: specification 08 §2.3, §2.6; Lin et al., ICML 2024, minimal frames.

    >>> frame = MDSFrame("Similarity(2)")
    >>> corner = torch.tensor([[[0.0, 0.0], [3.0, 0.0], [0.0, 1.0]]])
    >>> square = torch.tensor([[[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]])
    >>> len(frame(corner)), len(frame(square))
    (1, 8)
    """

    group: Group
    ambiguity: Literal["moment", "frame", "signnet"]
    scale: Scaling
    tol: float | None
    grad: Literal["exact", "detach"]
    invariant: bool

    def __init__(
        self,
        group: Group | str,
        ambiguity: Literal["moment", "frame", "signnet"] = "moment",
        scale: Scaling | None = None,
        tol: float | None = None,
        grad: Literal["exact", "detach"] = "exact",
        *,
        invariant: bool = False,
    ) -> None:
        group = parse(group)
        if type(group) not in (Similarity, SimilarityPlus, E, SE):
            raise DomainError(f"MDSFrame({group})", "Similarity(d), Similarity+(d), E(d) or SE(d)")
        scales = isinstance(group, SimilarityPlus)
        scale = scale or ("rms" if scales else "none")
        if scale not in get_args(Scaling) or scales == (scale == "none"):
            raise DomainError(f"scale={scale!r} on {group}", "'none' on E(d) and SE(d), a size on similarities")
        one_of("ambiguity", ambiguity, ("moment", "frame", "signnet"))
        settings = (group, ambiguity, scale, tol, grad, invariant)
        for name, value in zip(self.__dataclass_fields__, settings, strict=True):
            object.__setattr__(self, name, value)

    def __call__(self, x: Tensor, segments: Segments | None = None, features: Tensor | None = None) -> DiscreteMeasure:
        d = self.group.degree
        check_cloud(x, segments, d)
        numbers = None if features is None else check_numbers("features", features, x, segments)
        found = oriented(
            x, segments, numbers, proper=self._proper, tol=self.tol, grad=self.grad, signs=self.ambiguity == "moment"
        )
        if self.scale != "none" and bool(found.null.all(1).any()):
            rows = found.null.all(1).nonzero().flatten()[:5].tolist()
            raise DegenerateCloudError(f"clouds without extent at batch {rows}", "two different points", f"E({d})")
        if self.ambiguity == "frame":
            axes, weight = self._all(x, segments, numbers)
        else:
            axes, weight = self._few(found)
        size = size_of(found.found.y, self.scale, segments)
        g = homogeneous(size[:, None, None, None] * axes, found.found.centre[:, None].expand(axes.shape[:-1]))
        open_: Bool[Tensor, " S"] = found.found.tied | (found.null.sum(1) > 1)
        for row in found.choices:
            open_[row] = True
        return DiscreteMeasure(g.to(x), log_of(weight).to(x), self.ambiguity != "signnet", open_.to(x.device))

    @property
    def _proper(self) -> bool:
        return type(self.group) in (SE, SimilarityPlus)

    def _all(self, x: Tensor, segments: Segments | None, features: Tensor | None) -> tuple[Tensor, Tensor]:
        """Every atom of the principal axes, (S, F, d, d), and weights (S, F)."""
        d = x.shape[-1]
        frame = PCAFrame(SE(d) if self._proper else E(d), "refine", self.tol, _MOST, self.grad, exact=True)
        measure = frame(x, segments, features)
        assert isinstance(measure.g, Tensor)
        return linear(measure.g).double(), measure.weight.double()

    def _few(self, found: Oriented) -> tuple[Tensor, Tensor]:
        """The atoms that show one and the same set of points, (S, F, d, d), and weights (S, F)."""
        parts: list[tuple[Tensor, Tensor]] = []
        rows: list[Int[Tensor, " R"]] = []
        plain = torch.ones_like(found.null[:, 0])
        plain[list(found.choices)] = False
        nulls = found.null.sum(1)
        # An empty batch has the measures of no clouds.
        for null in nulls[plain].unique().tolist() if len(nulls) else [0]:
            rows.append((plain & (nulls == null)).nonzero().flatten())
            parts.append(self._completed(found.vectors[rows[-1]][:, None], null))
        for row, (axes, weight) in found.choices.items():
            rows.append(torch.tensor([row], device=plain.device))
            if bool(found.found.tied[row]):  # its directions without extent have their set already
                parts.append((axes[None], weight[None]))
            else:
                axes, each = self._completed(axes[None], int(nulls[row]))
                parts.append((axes, weight.repeat_interleave(each.shape[1] // len(weight))[None] * each * len(weight)))
        g, weight = stacked(parts, torch.cat(rows))
        return g, weight

    def _completed(self, axes: Float[Tensor, "R F d d"], null: int) -> tuple[Tensor, Tensor]:
        """Each of the axes with every choice of those without extent, (R, F * T, d, d), equally weighted."""
        if self._proper and null:
            axes = reflect_last(axes)
        table = _design(axes.shape[-1], null, self._proper, self.invariant).to(axes)
        g = (axes[:, :, None] @ table).flatten(1, 2)
        return g, torch.full_like(g[:, :, 0, 0], 1 / g.shape[1])


@lru_cache(maxsize=64)
def _design(d: int, null: int, proper: bool, invariant: bool) -> Float[Tensor, "T d d"]:
    """What stands to the right of axes whose last ``null`` have no extent."""
    if null == 0 or invariant:
        return torch.eye(d, dtype=torch.float64)[None]
    if null * 2**null > _MOST:
        given, hint = f"{counted(null, 'direction')} without extent", "InvariantCoordinates, or invariant=True"
        raise FrameSizeError(f"a frame for {given}", f"at most {_MOST} atoms", hint)
    design = stabilizer_rule(null, proper)[0]
    table = torch.eye(d, dtype=torch.float64).repeat(len(design), 1, 1)
    table[:, d - null :, d - null :] = design
    return table
