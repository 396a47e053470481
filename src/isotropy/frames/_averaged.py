"""Any backbone, exactly symmetric: pulled back by each atom of a frame, pushed forward, and averaged."""

import inspect
import warnings
from collections import OrderedDict
from typing import Any, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, SchemaError, one_of
from isotropy.frames._batch_norm import batch_norms, counted_once
from isotropy.frames._foreign import called
from isotropy.frames._frame import Frame, next_draw
from isotropy.frames._inputs import Inputs
from isotropy.frames._viewed import Sees, Viewed
from isotropy.frames.graphs._forms import Engine, resolve
from isotropy.groups import Group
from isotropy.linalg import Segments
from isotropy.optics import Mode, Optic, average
from isotropy.random import spawn
from isotropy.reps import Cloud, Pairs, Rep, Type, leaves, parse_type, written_type
from isotropy.settings import Settled


class FrameAveraged(Settled):
    """``sum_i w_i g_i . backbone(g_i^-1 . x)`` over the atoms (g_i, w_i) of ``frame`` at x: equivariant whatever it is.

    - ``backbone``: any callable of the arguments, and last the Segments of its copies where there are any. A batch of B
      rows reaches it as B * F copies. A function of numpy arrays (or of jax) or an estimator that predicts is called on
      arrays; no gradient goes through it.
    - ``frame``: computed from the Points (without translations, the Points and Vectors) of one argument. Where that
      cloud is too symmetric to decide all axes, as two atoms are, the Vectors of all arguments help to decide them. A
      frame of permutations sees all values of the vertices.
    - ``rep_in``: the types of the arguments, one, a tuple (positional) or a dictionary (by name); ``rep_out``: those of
      the outputs. A Rep, text such as "Vector", Cloud, Pairs, or None where the group does nothing.
    - ``mode``: "average" runs every atom, "first" the heaviest, which has to be one, and "stochastic" draws one for
      each row while training and averages in eval mode (Duval et al. 2023).
    - ``chunk``: so many atoms at a time, which bounds the memory. Batch norm in train mode, whose statistics would be
      those of a part, is then refused.
    - ``sees``: the argument of the frame, by default the first; Clouds of numbers that a tuple names after it are its
      ``features``.
    - ``seed``: draws depend on it and on the number of calls so far, which is part of the state, so that training
      resumes where it was; run again by ``torch.utils.checkpoint`` a call draws the same.

    Inputs are ``(rows, ..., features)``; with ``segments`` Clouds are flat ``(N, features)``, and an ``edge_index (2,
    E)`` of type None or Edges() is that of the copies for the backbone. Padded sets come with ``mask (rows, points)``,
    as a keyword or as a Boolean argument of type None: what is padding is no point of the frame, zero in every copy and
    zero in outputs. A ``Data`` or ``Batch`` of torch_geometric is one argument; ``rep_in`` is then a dictionary of its
    attributes that move, ``{"pos": "Cloud(Point)"}``, and the backbone gets the batch of the copies.

    Half precision is that of the backbone: frames and what surrounds them are single, under autocast and for inputs in
    half precision, whose outputs are half again. Batch norms in train mode count each row once, in however many
    poses it is seen. Under ``torch.compile`` the frame stays outside of the graph, which is the backbone's (with
    ``chunk`` nothing is compiled).

    Raises ShapeError or SchemaError for inputs that do not fit the types, DomainError for an unknown mode and for batch
    norm in chunks, DegenerateError where no frame can be exact (tensors beside a cloud on a line), and what the frame
    raises. Frames look at values, which keeps ``torch.func.vmap`` and ``torch.export`` from the wrapper;
    ``torch.func.grad`` works.
    Source: Puny et al., ICLR 2022, eq. 2; specification 03 §2.1.

    >>> from isotropy.frames import PCAFrame
    >>> from isotropy.reps import Point, Vector
    >>> mean = FrameAveraged(lambda x: x.relu().mean(1), PCAFrame("E(2)"), Cloud(Point), Vector)
    >>> x = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]]])
    >>> torch.allclose(mean(x), -mean(-x), atol=1e-6)
    True
    """

    def __init__(
        self,
        backbone: Any,
        frame: Frame,
        rep_in: Any,
        rep_out: Any,
        mode: Mode = "average",
        chunk: int | None = None,
        *,
        sees: Sees = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.backbone, self.frame = backbone, frame
        # No module is registered twice: one that is a module is called as it is.
        self._foreign: tuple[Any, Any] | None = None  # another's code with what calls it on tensors
        _ = self._called  # refuses what cannot be called
        self.rep_in: Any = parse_type(rep_in)
        self.rep_out: Any = parse_type(rep_out)
        one_of("mode", mode, get_args(Mode))
        self.mode: Mode = mode
        self.chunk, self.seed = chunk, seed
        self.sees = _first(self.rep_in) if sees is None else sees
        _refuse_points(self.rep_out, frame.group)
        _refuse_order(self.rep_out, frame)
        self._seen: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))
        self.draws: Tensor

    def settings(self) -> dict[str, Any]:
        return {
            "frame": type(self.frame).__name__,
            "group": str(self.group),
            "rep_in": written_type(self.rep_in),
            "rep_out": written_type(self.rep_out),
            **({} if self.sees == _first(self.rep_in) else {"sees": str(self.sees)}),
            **_told(self.frame),
        }

    @property
    def group(self) -> Group:
        """The group under which the module is equivariant."""
        return self.frame.group

    @property
    def _called(self) -> Any:
        """What calls the backbone of now on tensors: itself, where it is a module."""
        if isinstance(self.backbone, nn.Module):
            return self.backbone
        if self._foreign is None or self._foreign[0] is not self.backbone:
            self._foreign = self.backbone, called(self.backbone)
        return self._foreign[1]

    def forward(self, *args: Any, segments: Segments | None = None, **named: Any) -> Any:
        """The outputs, ``(rows, ...)``; Segments may also be the last positional argument."""
        if not torch.compiler.is_compiling():
            return self._answered(args, segments, named)
        # Frames look at values, which no graph can: they stay outside, and the graph is that of the backbone.
        from isotropy.frames._outside import back, there

        done, journey, given, by_name = there(self, args, segments, named)
        return journey if done else back(self, journey, self.backbone(*given, **by_name))

    def _answered(self, args: tuple[Any, ...], segments: Segments | None, named: dict[str, Any]) -> Any:
        """Arrays of numpy are answered by arrays, tensors by tensors."""
        if not any(isinstance(part, np.ndarray) for part in tree.tree_leaves((args, named))):
            return self._averaged(args, segments, named)
        precision = _precision(self.backbone)
        args, named = tree.tree_map(lambda part: _as_tensor(part, precision), (args, named))
        return tree.tree_map(lambda part: part.detach().numpy(), self._averaged(args, segments, named))

    def _averaged(self, args: tuple[Any, ...], segments: Segments | None, named: dict[str, Any]) -> Any:
        inputs, optic = self.prepared(args, segments, named)

        def run(x: Any, sets: Segments | None = None) -> Any:
            return inputs.call(self._called, inputs.inside(x, sets), sets)

        if self.chunk is not None:
            return inputs.outside(self.rep_out, optic.close(run)(inputs.x))
        copies, x = optic.forward(inputs.x)
        with counted_once(self.backbone, copies.weight, copies.inner):
            y = run(x, copies.inner)
        return inputs.outside(self.rep_out, optic.backward(copies, y))

    def prepared(
        self, args: tuple[Any, ...], segments: Segments | None, named: dict[str, Any]
    ) -> tuple[Inputs, Optic[Any, Any, Any, Any]]:
        """The arguments of a call, and the way there and back for them."""
        if args and isinstance(args[-1], Segments):
            args, segments = args[:-1], args[-1]
        inputs = Inputs.of(self.rep_in, args, named, segments)
        if self.mode == "average":
            warn_of_dropout(self)
        _refuse_batch_norm(self)
        mode: Mode = "average" if self.mode == "stochastic" and not self.training else self.mode
        drawn = None
        if mode == "stochastic":
            drawn = spawn(self.seed, "stochastic frame", next_draw(self._seen, self.draws, inputs.x))
        optic = average(
            inputs.seen(Viewed(self.frame, self.sees, inputs.looked_at, self.rep_out)),
            inputs.rep_in,
            self.rep_out,
            group=self.group,
            mode=mode,
            chunk=self.chunk,
            generator=drawn,
            segments=inputs.segments,
        )
        return inputs, optic

    def extra_repr(self) -> str:
        return f"group={self.group}, rep_in={self.rep_in}, rep_out={self.rep_out}, mode={self.mode!r}"


def _as_tensor(value: Any, precision: torch.dtype | None) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    found = torch.from_numpy(value)
    return found.to(precision) if precision is not None and found.is_floating_point() else found


def _precision(backbone: Any) -> torch.dtype | None:
    """That of the weights of a network, in which it reads arrays; numpy has no bfloat16 to answer in."""
    weights = backbone.parameters() if isinstance(backbone, nn.Module) else ()
    found = next((weight.dtype for weight in weights if weight.is_floating_point()), None)
    return found if found in (torch.float32, torch.float64) else None


def _first(rep_in: Type) -> int | str | None:
    return 0 if isinstance(rep_in, tuple) else next(iter(rep_in)) if isinstance(rep_in, dict) else None


def _refuse_points(rep_out: Type, group: Group) -> None:
    """A position can only come out where positions go in: a group without translations knows no origin."""
    if any(map(_has_points, leaves(rep_out))) and not group.affine:
        raise SchemaError(
            f"outputs of type {rep_out} under {group}, which has no translations",
            "Vectors, or a group with translations such as E(3)",
            'rep_out="Vector"',
        )


def _has_points(type_: Any) -> bool:
    rep = type_.rep if isinstance(type_, Cloud) else type_
    return isinstance(rep, Rep) and any(part.term.affine for part in rep.parts())


def _refuse_order(rep_out: Type, frame: Frame) -> None:
    """One labelling for each graph serves numbers of the graph; values of its vertices need all of them."""
    of_vertices = any(isinstance(leaf, Cloud | Pairs) for leaf in leaves(rep_out))
    if of_vertices and getattr(frame, "outputs", None) == "invariant":
        raise SchemaError(
            f"outputs of type {rep_out}, by {type(frame).__name__} with one labelling for each graph",
            "all labellings",
            'CanonicalGraphFrame(n, outputs="equivariant"), or CanonicalGraph(backbone, output="node")',
        )


def _refuse_batch_norm(model: FrameAveraged) -> None:
    if model.chunk is None or not model.training:
        return
    for name in batch_norms(model):
        raise DomainError(
            f"chunk={model.chunk} with batch norm in train mode ({name})",
            "statistics of the whole batch",
            "leave out chunk, call eval() on the batch norm, or use LayerNorm",
        )


def warn_of_dropout(model: nn.Module, law: str = "equivariant") -> None:
    """Dropout draws another mask for each copy, and no average of those keeps the ``law``; training may do without."""
    if model.training and not torch.is_grad_enabled():
        drops = [name for name, part in model.named_modules() if isinstance(part, nn.modules.dropout._DropoutNd)]
        if drops:
            warnings.warn(
                f"the backbone drops features at random ({drops[0]}) in train mode: not {law}, call model.eval()",
                stacklevel=4,
            )


# Of the settings of frames: what stands above, and what costs, refuses or approximates, but defines no other average.
_ASIDE = {
    *("group", "grad", "forms", "generator", "max_frames", "degenerate", "exact", "tol", "key_tol"),
    *("seed", "num_samples", "n_dirs", "k", "degree"),
}


def _told(frame: Frame) -> dict[str, Any]:
    """What a frame without weights was made with beside its group, where it is not the usual."""
    if isinstance(frame, nn.Module):
        return {}  # tells for itself
    asked = inspect.signature(type(frame).__init__).parameters.values()
    told = {p.name: getattr(frame, p.name, p.default) for p in asked if p.name not in {"self", *_ASIDE}}
    usual = {p.name: p.default for p in asked}
    found = {f"frame.{name}": str(value) for name, value in told.items() if value != usual[name]}
    engine = told.get("engine")
    # Each engine chooses other orders, and "auto" is another one where pynauty is installed.
    return found if engine is None else {**found, "frame.engine": resolve(cast(Engine, engine))}
