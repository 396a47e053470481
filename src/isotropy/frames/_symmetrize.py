"""The frame that suits a group: in one line around a model, and for typed rows, each looked at in its poses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from isotropy.errors import DomainError, SchemaError
from isotropy.frames._averaged import FrameAveraged
from isotropy.frames._frame import Frame, vectors_of
from isotropy.frames._minimal import MinimalFrame
from isotropy.frames._normalising import CentreFrame, HaarFrame, ScaleFrame
from isotropy.frames._padded import stacked
from isotropy.frames._pca import PCAFrame
from isotropy.frames._projection_sort import RandomProjectionFrame
from isotropy.frames._viewed import Viewed
from isotropy.frames.coordinates._frame import MDSFrame
from isotropy.frames.graphs._frame import CanonicalGraphFrame
from isotropy.groups import SE, SO, GLPlus, Group, Lorentz, O, Placed, S, Scale, SimilarityPlus, T, parse
from isotropy.optics import Mode, average
from isotropy.reps import Cloud, Field, Pairs, Point, Rep, Vector, leaves, linear_part, parse_type

_MOST_ELEMENTS = 120  # of a finite group, all of which are averaged over
_PIECE = 4096  # rows whose frames are found at a time
_CHUNK = 16  # atoms of each row in the network at a time


def symmetrize(
    model: Any,
    group: Group | str = "E(3)",
    rep_in: Any = None,
    rep_out: Any = ...,
    *,
    frame: Frame | None = None,
    mode: Mode = "average",
    chunk: int | None = None,
    seed: int = 0,
) -> FrameAveraged:
    """``model`` made equivariant under ``group``, its parameters unchanged: FrameAveraged with a frame to suit.

    Types as for FrameAveraged; unless given, the input is a Cloud of Points (of Vectors where the group does not
    translate). ``rep_out`` says what comes out, and must be given: numbers read as vectors would be averaged away.
    The frame is ``frame_of(group, rep_in, rep_out)`` unless given, exact but for groups that it names. A function of
    numpy arrays, or an estimator that predicts, is a model too, and arrays are answered by arrays.

    Raises DomainError for a group without a frame, SchemaError for types that do not fit, or no ``rep_out``. Source:
    Puny et al., ICLR 2022; specification 03 §3.

    >>> mean = symmetrize(lambda x: x.relu().mean(1), "SE(2)", rep_out="Vector")
    >>> mean
    FrameAveraged(group=SE(2), rep_in=Cloud(Point), rep_out=Vector, mode='average')
    """
    G = parse(group)
    if rep_out is ...:
        raise SchemaError(
            "no rep_out",
            "the type of what the model gives",
            'rep_out="Scalar" for energies or logits (None: whatever does not move), "Vector" for a force or a dipole, '
            '"Cloud(Vector)" for one at each point',
        )
    if rep_in is None:
        rep_in = Cloud(Point if G.affine else Vector)
    types = parse_type(rep_in)
    outputs = parse_type(rep_out)
    if frame is None:
        frame = frame_of(G, types, outputs)
    return FrameAveraged(model, frame, types, outputs, mode, chunk, seed=seed)


def frame_of(group: Group | str, rep_in: Any = None, rep_out: Any = None) -> Frame:
    """The frame that ``symmetrize`` takes for a group.

    Principal axes for O, SO, E, SE (about an axis too), with the scale for Similarity; the centroid for T, the size for
    Scale; generalised QR for Lorentz, GL+ and SL, which reads points in their order; canonical labelling for
    permutations of graphs, with all automorphisms where ``rep_out`` has values of vertices, random projections for
    those of sets of vectors; all elements of finite groups. Random projections (100 directions), and the cubature of
    degree 6 that other compact groups get, are close to exact and say so by ``exact=False``: the cubature is right for
    what is a polynomial of degree 6 in the element, and within 0.1 to 1 per cent for the networks of our tests.
    Pictures have no axes to read off: all rotations get a cubature, which in the plane is of eight equal angles, four
    of which move cells to cells. All elements of a finite group are ``exact`` of the group, and of its pictures where
    cells go to cells (D(4) and below on squares); C(8), D(8), C(3) interpolate. Where pictures lie on an empty
    background, a MomentFrame divides out more.

    Raises DomainError for the rest. Source: specification 03 §2.2-2.7.

    >>> from isotropy.groups import C
    >>> type(frame_of("E(3)")).__name__, type(frame_of(C(4))).__name__
    ('PCAFrame', 'HaarFrame')
    """
    G = parse(group)
    base = G.base if isinstance(G, Placed) else G
    if isinstance(next(iter(leaves(rep_in)), None), Field):
        return _of_pictures(G)
    if isinstance(base, O | SO | SE):
        return PCAFrame(G)
    if isinstance(G, SimilarityPlus):
        return MDSFrame(G)
    if isinstance(G, T | Scale):
        return CentreFrame(G) if isinstance(G, T) else ScaleFrame(G)
    if isinstance(G, Lorentz | GLPlus):
        return MinimalFrame(G)
    if isinstance(G, S):
        return _of_permutations(G, rep_in, rep_out)
    if G.compact:
        return HaarFrame(G) if G.finite else HaarFrame(G, degree=6)
    raise DomainError(f"a frame of {G}", "a compact group, E(d), SE(d), Similarity(d), Lorentz(d), GL+(d) or SL(d)")


def _of_pictures(group: Group) -> Frame:
    if not group.compact:
        hint = 'frame=MomentFrame("T(2)"), or of GL+, SL, Scale, Similarity+, for shapes on an empty background'
        raise DomainError(f"a frame of {group} for pictures", "a compact group", hint)
    if group.order is not None and group.order > _COPIES:
        hint = f"SO(2) by {_TURNS} angles, or a subgroup"
        raise DomainError(
            f"{group.order} elements of {group} for pictures", f"at most {_COPIES}: a copy for each", hint
        )
    if group.finite:
        return HaarFrame(group)
    return HaarFrame(group, degree=_TURNS - 1 if group.degree == 2 else 6)


_TURNS = 8  # equal angles of the plane
_COPIES = 48  # as many as all turns and mirrors that take voxels to voxels


def _of_permutations(group: S, rep_in: Any, rep_out: Any) -> Frame:
    inputs = leaves(rep_in)
    if any(isinstance(type_, Pairs) for type_ in inputs):
        every = any(isinstance(type_, Cloud | Pairs) for type_ in leaves(rep_out))
        return CanonicalGraphFrame(group.n, outputs="equivariant" if every else "invariant")
    if inputs and isinstance(inputs[0], Cloud):
        return RandomProjectionFrame(n=group.n)
    raise SchemaError(f"permutations of {rep_in}", "Pairs (an adjacency matrix) or a Cloud as the first input")


@dataclass(frozen=True)
class PosedRows:
    """A frame for rows of type ``rep_in`` whose targets have type ``rep_out``; both as the group sees them."""

    frame: Frame
    rep_in: Rep
    rep_out: Rep

    @property
    def group(self) -> Group:
        return self.frame.group

    @property
    def look(self) -> Viewed:
        """The measure of each row, of all that is in it."""
        return Viewed(self.frame, None, self.rep_in, self.rep_out)

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
