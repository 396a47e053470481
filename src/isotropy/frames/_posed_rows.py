"""Frames for typed rows: which one a group has, and a predictor that looks at every row in its poses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.frames._frame import Frame, vectors_of
from isotropy.frames._haar import HaarFrame
from isotropy.frames._minimal import MinimalFrame
from isotropy.frames._normalising import CentreFrame, ScaleFrame
from isotropy.frames._padded import stacked
from isotropy.frames._symmetrize import frame_of
from isotropy.frames._viewed import Viewed
from isotropy.frames.coordinates._frame import MDSFrame
from isotropy.groups import SE, SO, DiscreteMeasure, Group, O, Scale, SimilarityPlus, T
from isotropy.optics import average
from isotropy.reps import Rep, linear_part

_MOST_ELEMENTS = 120  # of a finite group, all of which are averaged over
_PIECE = 4096  # rows whose frames are found at a time
_CHUNK = 16  # atoms of each row in the network at a time


@dataclass(frozen=True)
class PosedRows:
    """A frame for rows of type ``rep_in`` whose targets have type ``rep_out``; both as the group sees them."""

    frame: Frame
    rep_in: Rep
    rep_out: Rep

    @property
    def group(self) -> Group:
        return self.frame.group

    def look(self, x: Tensor) -> DiscreteMeasure:
        """The measure of each row, of all that is in it."""
        return Viewed(self.frame, None, self.rep_in, self.rep_out)(x)

    def atoms(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Elements ``(n, F, *element)``, weights ``(n, F)``, and which rows are degenerate; some thousand at a time."""
        found = [self.look(some) for some in x.split(_PIECE)]
        g, weight = stacked([(cast(Tensor, measure.g), measure.weight) for measure in found], torch.arange(len(x)))
        open_ = [measure.degenerate for measure in found]
        none = torch.zeros(len(x), dtype=torch.bool)
        return g, weight, none if any(part is None for part in open_) else torch.cat(cast(list[Tensor], open_))

    def close(self, f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """``f`` averaged over the poses of each row: exactly symmetric."""
        return average(self.look, self.rep_in, self.rep_out, group=self.group, chunk=_CHUNK).close(f)


def pose_frame(group: Group, rep_in: Rep, rep_out: Rep) -> PosedRows:
    """Frame averaging for a group; raises DomainError where there is no frame for it."""
    if isinstance(group, T):
        return PosedRows(CentreFrame(group), rep_in, rep_out)
    if isinstance(group, Scale):
        return _pose(ScaleFrame(group, points="limit"), rep_in, rep_out)
    if group.finite:
        order = group.order
        if order is None or order > _MOST_ELEMENTS:
            raise DomainError(f"frame of {group}, of {order} elements", f"at most {_MOST_ELEMENTS}")
        return _pose(HaarFrame(group), rep_in, rep_out)
    frame = frame_of(group, rep_in)
    if isinstance(frame, HaarFrame):
        raise DomainError(f"frame of {group}", "O, SO, E, SE, Similarity and finite groups")
    return _pose(frame, rep_in, rep_out)


def canonical_frame(group: Group, rep_in: Rep, rep_out: Rep) -> PosedRows:
    """Invariant coordinates: one pose for each row without symmetries of its own; raises DomainError where none."""
    if isinstance(group, T | Scale):
        raise DomainError(f"the frame of {group} has one atom: its coordinates are what frames {group} sees", "frames")
    if isinstance(group, SE | SimilarityPlus):
        return _pose(MDSFrame(group), rep_in, rep_out)
    if isinstance(group, O | SO):
        return _pose(MinimalFrame(group), rep_in, rep_out)
    raise DomainError(f"no canonical coordinates are known for {group}", "O, SO, E, SE and Similarity")


def _pose(frame: Frame, rep_in: Rep, rep_out: Rep) -> PosedRows:
    """A group that does not translate sees Points as Vectors from the origin."""
    if not frame.group.affine:
        rep_in, rep_out = linear_part(rep_in), linear_part(rep_out)
    pose = PosedRows(frame, rep_in, rep_out)
    if not isinstance(frame, HaarFrame):
        vectors_of(rep_in, frame.group, torch.zeros(1, rep_in.dim(frame.group), dtype=torch.float64))
    return pose
