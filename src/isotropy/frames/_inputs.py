"""What a wrapped model is called with, as the frame and the copies need it: padded sets, edges, graphs of others."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import SchemaError, ShapeError, counted
from isotropy.groups import DiscreteMeasure
from isotropy.linalg import Segments
from isotropy.reps import Cloud, Edges, Type, over

HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Values ``x`` of type ``rep_in``; ``mask (B, m)`` says which points of padded sets are there.

    ``call`` runs a backbone on copies of these values (and the segments of the copies, in a ragged batch).
    """

    x: Any
    rep_in: Type
    segments: Segments | None
    call: Callable[..., Any]
    mask: Bool[Tensor, "B m"] | None = None
    half: torch.dtype | None = None

    @classmethod
    def of(cls, rep_in: Type, args: tuple[Any, ...], named: dict[str, Any], segments: Segments | None) -> Inputs:
        """From the arguments of a call.

        A graph of torch_geometric, or any object like it, brings its segments and edges along; a Boolean value of type
        None that has one entry for each point of a padded Cloud is its mask, and so is the keyword ``mask``.
        """
        if len(args) == 1 and not named and is_graph(args[0]):
            return opened(args[0], rep_in)
        mask = None if isinstance(rep_in, dict) and "mask" in rep_in else named.pop("mask", None)
        if isinstance(rep_in, dict):
            x: Any = named
        elif named:
            raise SchemaError(f"the arguments {sorted(named)} by name", f"as many as rep_in = {rep_in} says, in order")
        else:
            x = args if isinstance(rep_in, tuple) else _single(args)
        if mask is not None:
            return cls((x, mask), (rep_in, None), segments, _masked_call)._padded(mask)
        found = cls(x, rep_in, segments, _plain_call)._widened()
        if segments is not None:
            return replace(found, rep_in=_with_edges(rep_in, x, segments))
        return found._padded(_mask_among(rep_in, x))

    def _padded(self, mask: Tensor | None) -> Inputs:
        if mask is None:
            return self
        if self.segments is not None or mask.ndim != 2 or mask.dtype != torch.bool:
            given = f"a mask {tuple(mask.shape)} of dtype {mask.dtype}" + (" beside segments" if self.segments else "")
            raise ShapeError(given, "a Boolean one (clouds, points) for padded clouds (clouds, points, ...)")
        if not bool(mask.any(1).all()):
            empty = (~mask.any(1)).nonzero().flatten()[:5].tolist()
            raise ShapeError(f"a mask without a point at batch {empty}", "one point or more in each cloud")
        return replace(self, mask=mask)._widened()

    def _widened(self) -> Inputs:
        """Half precision becomes single for the way there and back; the backbone gets what was given.

        Under autocast it is torch that chooses the precision of the backbone, and outputs are single.
        """
        halves = [part for part in tree.tree_leaves(self.x) if isinstance(part, Tensor) and part.dtype in HALF]
        found = {part.dtype for part in halves}
        if not found or self.half is not None or torch.is_autocast_enabled(halves[0].device.type):
            return self
        if len(found) > 1:
            raise SchemaError("inputs in float16 and in bfloat16", "one precision")
        wide = tree.tree_map(lambda part: part.float() if getattr(part, "dtype", None) in HALF else part, self.x)
        return replace(self, x=wide, half=found.pop())

    @property
    def looked_at(self) -> Type:
        """The types of what a frame sees: all but the mask that came by name."""
        return self.rep_in[0] if isinstance(self.rep_in, tuple) and self.call is _masked_call else self.rep_in

    def seen(self, look: Callable[..., DiscreteMeasure]) -> Callable[..., DiscreteMeasure]:
        """``look`` at what is there: of padded sets at their points alone, of all else as it is."""
        if self.mask is None:
            return look
        mask, own = self.mask, self.call is _masked_call

        def masked(x: Any) -> DiscreteMeasure:
            def points(type_: Any, value: Any) -> Any:
                return value[mask] if _one_each(type_, value, mask) else value

            kept = over(self.rep_in, x, points)
            return look(kept[0] if own else kept, Segments.from_mask(mask))

        return masked

    def inside(self, x: Any, sets: Segments | None) -> Any:
        """The copies as the backbone takes them: padding at zero, and in the precision given."""
        return self._as_given(self.rep_in, x, self._mask_of(x))

    def _mask_of(self, x: Any) -> Tensor | None:
        """The copies of the mask among the copies of the inputs."""
        if self.mask is None:
            return None
        if self.call is _masked_call:
            return x[1]
        both = zip(tree.tree_leaves(self.x), tree.tree_leaves(x), strict=True)
        return next(copied for given, copied in both if given is self.mask)

    def outside(self, rep_out: Type, y: Any) -> Any:
        """The outputs as the caller takes them: nothing where no point is, and in the precision given."""
        return self._as_given(rep_out, y, self.mask)

    def _as_given(self, type_: Type, values: Any, mask: Tensor | None) -> Any:
        """Values with padding at zero, and in half precision again where that was given."""
        half = self.half

        def leaf(type_: Any, value: Any) -> Any:
            if mask is not None and _one_each(type_, value, mask):
                value = value.masked_fill(~mask.reshape(*mask.shape, *[1] * (value.ndim - 2)), 0)
            return value.to(half) if half is not None and value.is_floating_point() else value

        return over(type_, values, leaf) if mask is not None or half is not None else values


def _one_each(type_: Any, value: Tensor, mask: Tensor) -> bool:
    """Whether a value has a row for each entry of a mask of points."""
    return isinstance(type_, Cloud) and value.shape[:2] == mask.shape


def _single(args: tuple[Any, ...]) -> Any:
    if len(args) != 1:
        raise SchemaError(
            counted(len(args), "argument"), "one, as rep_in is one type", "declare rep_in as a tuple of types"
        )
    return args[0]


def _plain_call(backbone: Callable[..., Any], x: Any, segments: Segments | None) -> Any:
    sets = () if segments is None else (segments,)
    if isinstance(x, dict):
        return backbone(**x) if segments is None else backbone(**x, segments=segments)
    return backbone(*x, *sets) if isinstance(x, tuple) else backbone(x, *sets)


def _masked_call(backbone: Callable[..., Any], x: Any, segments: Segments | None) -> Any:
    value, mask = x
    if isinstance(value, dict):
        return backbone(**value, mask=mask)
    return backbone(*value, mask=mask) if isinstance(value, tuple) else backbone(value, mask=mask)


def _mask_among(rep_in: Type, x: Any) -> Tensor | None:
    """A Boolean value that nothing moves, of one entry for each point of a Cloud."""
    clouds: list[tuple[int, ...]] = []
    masks: list[Tensor] = []

    def leaf(type_: Any, value: Any) -> None:
        if isinstance(value, Tensor) and value.ndim >= 2:
            if value.dtype == torch.bool and value.ndim == 2 and (type_ is None or type_ == Cloud()):
                masks.append(value)
            elif isinstance(type_, Cloud):
                clouds.append(tuple(value.shape[:2]))

    over(rep_in, x, leaf)
    return next((mask for mask in masks if tuple(mask.shape) in clouds), None)


def _with_edges(rep_in: Type, x: Any, segments: Segments) -> Type:
    """The types, with Edges for what is declared as None and is the ``edge_index`` of the sets."""

    def leaf(type_: Any, value: Any) -> Any:
        return Edges() if type_ is None and isinstance(value, Tensor) and segments.joins(value) else type_

    return over(rep_in, x, leaf)


def is_graph(value: Any) -> bool:
    """Whether a value is a ``Data`` or ``Batch`` of torch_geometric, or like them."""
    return all(hasattr(value, name) for name in ("edge_index", "is_node_attr", "is_edge_attr", "to_dict"))


def opened(data: Any, rep_in: Type) -> Inputs:
    """A graph, or a batch of graphs: its tensors by name, those that ``rep_in`` does not name by what they hang on."""
    if getattr(data, "batch", None) is None:
        root = type(data).__module__.partition(".")[0]
        data = importlib.import_module(f"{root}.data").Batch.from_data_list([data])
    declared: Mapping[str, Any] = rep_in if isinstance(rep_in, dict) else {"pos": rep_in}
    segments = Segments.from_batch(data.batch, data.num_graphs)
    x: dict[str, Any] = {}
    types: dict[str, Any] = {}
    for name, value in data.to_dict().items():
        if name in ("batch", "ptr") or not isinstance(value, Tensor):
            continue
        x[name] = value
        if name in declared:
            types[name] = declared[name]
        elif segments.joins(value) or data.is_edge_attr(name):
            types[name] = Edges()
        elif data.is_node_attr(name):
            types[name] = Cloud()
        elif len(value) == segments.count and "index" not in name:
            types[name] = None
        else:
            raise SchemaError(
                f"the attribute {name!r} {tuple(value.shape)} of a graph",
                "values of nodes, of edges, or of graphs",
                f"leave it out: del data.{name}",
            )
    missing = sorted(set(declared) - set(x))
    if missing:
        raise SchemaError(f"graphs without {', '.join(missing)}", f"what rep_in names: {sorted(declared)}")
    first = next(iter(declared))  # what the frame is computed from comes first
    order = [first, *(name for name in types if name != first)]

    def call(backbone: Callable[..., Any], values: Any, inner: Segments | None) -> Any:
        assert inner is not None
        return backbone(_closed(data, values, inner))

    return Inputs({k: x[k] for k in order}, {k: types[k] for k in order}, segments, call)._widened()


def _closed(data: Any, values: Mapping[str, Tensor], segments: Segments) -> Any:
    """A batch like ``data`` of the copies."""
    found = copy.copy(data)
    for name, value in values.items():
        found[name] = value
    found.batch, found.ptr = segments.label, segments.ptr
    found._num_graphs = segments.count
    for name in ("_slice_dict", "_inc_dict"):  # how to take the old batch apart again
        if hasattr(found, name):
            setattr(found, name, None)
    return found
