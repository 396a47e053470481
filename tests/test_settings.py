"""A state of a module that was set otherwise is refused by name, for every module of ours that has settings."""

from __future__ import annotations

import importlib
import inspect
import io
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

import isotropy
from isotropy.errors import SchemaError
from isotropy.frames import (
    CanonicalGraph,
    CanonicalGraphFrame,
    CanonicalizerFrame,
    FrameAveraged,
    HaarFrame,
    InvariantCoordinates,
    MDSFrame,
    PCAFrame,
    PiecewiseLayer,
    ProbabilisticFrame,
    ProbabilisticOrderFrame,
    SignInvariant,
    TransformationInvariant,
    WeightedTupleFrame,
)
from isotropy.frames.learned._orders import DeepScores
from isotropy.frames.learned._vector_neurons import VectorNeurons
from isotropy.nn import (
    EMLP,
    BilinearBlock,
    CompleteProduct,
    CoordinateKernel,
    EquivariantLinear,
    GatedNonlinearity,
    GauntConvolution,
    GauntForceField,
    GauntPower,
    GauntProduct,
    GroupConv,
    GroupPool,
    GroupResNet,
    GroupSampler,
    LiftConv,
    PiecewiseClassifier,
    PiecewiseEncoder,
    PiecewiseSegmenter,
    PoissonProduct,
    Scales,
    SO2Convolution,
    SubequivariantCritic,
    SubequivariantDynamics,
    SubequivariantLinear,
    SubequivariantPolicy,
    SubgraphLayer,
    SubgraphLinear,
    SubgraphNetwork,
    VectorProduct,
)
from isotropy.nn.gaunt._engine import SphereProduct
from isotropy.nn.parts import RadialBasis
from isotropy.random import spawn
from isotropy.represent import HyperPredictor, SmallEncoder, SplitEncoder
from isotropy.settings import Settled
from isotropy.soft import SoftEMLP, SoftMLP
from isotropy.soft._layers import SoftNetwork

FREE = {1: -13.6, 8: -2041.0}


def field(isolated: dict[int, float] = FREE, **other: object) -> GauntForceField:
    return GauntForceField(isolated, **{"channels": 2, "radial": (4,), "readout": 2, **other})  # type: ignore[arg-type]


def framed(group: str, out: str) -> FrameAveraged:
    return FrameAveraged(nn.Linear(3, 3), PCAFrame(group), "Cloud(Vector)", out)


def weighted(power: float) -> FrameAveraged:
    return FrameAveraged(nn.Linear(3, 3), WeightedTupleFrame("SO(3)", power=power), "Cloud(Vector)", "Cloud(Vector)")


def ordered(engine: Any) -> FrameAveraged:
    frame = CanonicalGraphFrame(3, engine=engine)
    return FrameAveraged(nn.Linear(3, 3), frame, ("Cloud(Scalar)", "Pairs()"), "Scalar")


def seeing(which: int) -> FrameAveraged:
    types = ("Cloud(Vector)", "Cloud(Vector)")
    return FrameAveraged(nn.Linear(3, 3), PCAFrame("O(3)"), types, "Cloud(Vector)", sees=which)


def bracket(normalization: Any) -> PoissonProduct:
    return PoissonProduct(1, 1, weights="degree", channels=2, normalization=normalization)


def parts(normals: str) -> PiecewiseLayer:
    return PiecewiseLayer("Vector('n')", "Scalar", normals=normals)


def resnet(pool: int) -> GroupResNet:
    return GroupResNet("D(4)", (4,), 8, kernel_size=3, pool=pool)


def drawn(scale: float) -> ProbabilisticOrderFrame:
    return ProbabilisticOrderFrame(5, DeepScores(3), scale=scale)


# (one, another whose weights have the same shapes, what the refusal names)
PAIRS: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], str]] = {
    "elements": (field, lambda: field({1: -13.6, 6: -1030.0}), "C"),
    "isolated energies": (field, lambda: field({1: -13.0, 8: -2041.0}), "isolated"),
    "cutoff radius": (field, lambda: field(r_max=4.0), "r_max = 4.0"),
    "power of the cutoff": (field, lambda: field(cutoff=6), "cutoff = 6"),
    "scale": (field, lambda: field(scales=Scales(scale=2.0)), "scale = 2.0"),
    "shift": (field, lambda: field(scales=Scales(shift=-4.0)), "shift = -4.0"),
    "neighbours": (field, lambda: field(scales=Scales(neighbours=9.0)), "neighbours = 9.0"),
    "repulsion": (
        lambda: field(repulsion={"H-H": 0.7}),
        lambda: field(repulsion={"H-H": 0.8}),
        r"repulsion = \{'H-H': 0\.8\}",
    ),
    "basis": (lambda: RadialBasis(5.0, 8), lambda: RadialBasis(4.0, 8), "r_max = 4.0"),
    "group": (
        lambda: EquivariantLinear("Vector", "Vector", "O(3)"),
        lambda: EquivariantLinear("Vector", "Vector", "SO(3)"),
        r"group = SO\(3\)",
    ),
    "types": (
        lambda: EMLP("Vector", "Scalar", "O(3)", ch=8, depth=1),
        lambda: EMLP("Pseudovector", "Scalar", "O(3)", ch=8, depth=1),
        "Pseudovector",
    ),
    "gates": (lambda: GatedNonlinearity("Vector", "O(3)"), lambda: GatedNonlinearity("3*Scalar", "O(3)"), "Scalar"),
    "size of products": (
        lambda: BilinearBlock("2*Vector + Scalar", "O(3)"),
        lambda: BilinearBlock("2*Vector + Scalar", "O(3)", scale=0.5),
        "scale = 0.5",
    ),
    "soft": (
        lambda: SoftEMLP("Vector", "Scalar", ["O(3)"], ch=8, depth=1),
        lambda: SoftEMLP("Vector", "Scalar", ["SO(3)"], ch=8, depth=1),
        "SO",
    ),
    "harmonics": (
        lambda: GauntProduct(1, 1, weights="degree", channels=2),
        lambda: GauntProduct(1, 1, weights="degree", channels=2, normalization="norm"),
        "normalization = norm",
    ),
    "convolution": (lambda: GauntConvolution(2, 1), lambda: GauntConvolution(2, 1, normalization="norm"), "norm"),
    "power": (
        lambda: GauntPower(1, 1, 2, channels=3),
        lambda: GauntPower(1, 1, 2, channels=3, normalization="norm"),
        "norm",
    ),
    "sums in subgraphs": (
        lambda: SubgraphLinear("Nodes", "Nodes**2"),
        lambda: SubgraphLinear("Nodes", "Nodes**2", norm="sum"),
        "norm = sum",
    ),
    "gluing of subgraphs": (
        lambda: SubgraphLayer("Nodes", "Nodes**2"),
        lambda: SubgraphLayer("Nodes", "Nodes**2", reduce="sum"),
        "reduce = sum",
    ),
    "radius of subgraphs": (
        lambda: SubgraphNetwork(1, 0, 1, hidden=(2,), head=()),
        lambda: SubgraphNetwork(1, 0, 1, hidden=(2,), head=(), k=2),
        "k = 2",
    ),
    "frame": (lambda: framed("O(3)", "Cloud(Vector)"), lambda: framed("SO(3)", "Cloud(Vector)"), "SO"),
    "power of a frame": (lambda: weighted(1.0), lambda: weighted(2.0), "frame.power = 2.0"),
    "scale of a frame": (
        lambda: FrameAveraged(nn.Linear(3, 3), MDSFrame("Similarity(3)"), "Cloud(Point)", "Cloud(Scalar)"),
        lambda: FrameAveraged(nn.Linear(3, 3), MDSFrame("Similarity(3)", scale="max"), "Cloud(Point)", "Cloud(Scalar)"),
        "frame.scale = max",
    ),
    "search of a frame": (lambda: ordered("python"), lambda: ordered("nauty"), "frame.engine = nauty"),
    "argument that a frame sees": (lambda: seeing(0), lambda: seeing(1), "sees = 1"),
    "output": (lambda: framed("O(3)", "Cloud(Vector)"), lambda: framed("O(3)", "Cloud(Pseudovector)"), "Pseudo"),
    "size of clouds": (lambda: InvariantCoordinates(), lambda: InvariantCoordinates(scale="max"), "scale = max"),
    "coordinates": (
        lambda: TransformationInvariant(nn.Linear(3, 3)),
        lambda: TransformationInvariant(nn.Linear(3, 3), rep_out="Vector"),
        "rep_out = Vector",
    ),
    "axes": (
        lambda: SignInvariant(nn.Linear(1, 2), nn.Linear(2, 1)),
        lambda: SignInvariant(nn.Linear(1, 2), nn.Linear(2, 1), axes=True),
        "axes = True",
    ),
    "graph": (
        lambda: CanonicalGraph(nn.Linear(3, 3), "graph"),
        lambda: CanonicalGraph(nn.Linear(3, 3), "node"),
        "node",
    ),
    "search of orders": (
        lambda: CanonicalGraph(nn.Linear(3, 3), "node", engine="python"),
        lambda: CanonicalGraph(nn.Linear(3, 3), "node", engine="nauty"),
        "engine = nauty",
    ),
    "bracket": (lambda: bracket("integral"), lambda: bracket("norm"), "normalization = norm"),
    "all paths": (
        lambda: CompleteProduct(1, 1, channels=2, weights="degree"),
        lambda: CompleteProduct(1, 1, channels=2, weights="degree", normalization="norm"),
        "normalization = norm",
    ),
    "fields": (
        lambda: VectorProduct(1, 1, channels=2, weights="degree"),
        lambda: VectorProduct(1, 1, channels=2, weights="degree", normalization="norm"),
        "normalization = norm",
    ),
    "orders of a convolution": (lambda: SO2Convolution(3, 2, 2, 2, 1), lambda: SO2Convolution(2, 3, 2, 2, 1), "L = "),
    "soft, with gates": (
        lambda: SoftMLP("Vector", "Scalar", ["O(3)"], ch=8, depth=1),
        lambda: SoftMLP("Vector", "Scalar", ["SO(3)"], ch=8, depth=1),
        "SO",
    ),
    "pose": (lambda: CanonicalizerFrame("O(3)"), lambda: CanonicalizerFrame("E(3)"), r"group = E\(3\)"),
    "noise of orders": (lambda: drawn(1.0), lambda: drawn(2.0), "scale = 2.0"),
    "normals of parts": (lambda: parts(""), lambda: parts("n"), "normals"),
    "kept about gravity": (
        lambda: SubequivariantLinear(3, 1, 2, 1, axial=1),
        lambda: SubequivariantLinear(3, 1, 2, 1, axial=0),
        "axial = 0",
    ),
    "seconds of a frame": (
        lambda: SubequivariantDynamics(hidden=4),
        lambda: SubequivariantDynamics(hidden=4, dt=0.02),
        "dt = 0.02",
    ),
    "frames of cells": (
        lambda: PiecewiseLayer(None, "Scalar"),
        lambda: PiecewiseLayer(None, "Scalar", frames="weighted"),
        "frames = weighted",
    ),
    "policy": (SubequivariantPolicy, lambda: SubequivariantPolicy(group="SO(2)@z"), r"group = SO\(2\)@z"),
    "critic": (SubequivariantCritic, lambda: SubequivariantCritic(unit_gravity=False), "unit_gravity"),
    "cells": (lambda: PiecewiseEncoder(cells=4), lambda: PiecewiseEncoder(cells=5), "cells = 5"),
    "cells of classes": (
        lambda: PiecewiseClassifier(3, cells=4),
        lambda: PiecewiseClassifier(3, cells=5),
        "cells = 5",
    ),
    "cells of points": (lambda: PiecewiseSegmenter(3, cells=4), lambda: PiecewiseSegmenter(3, cells=5), "cells = 5"),
    "reach of a filter": (
        lambda: GroupConv("SL(2)", 1, 1, 3, 2),
        lambda: GroupConv("SL(2)", 1, 1, 3, 2, reach=0.3),
        "reach = 0.3",
    ),
    "border of images": (
        lambda: LiftConv("SL(2)", 1, 2, 3, 4),
        lambda: LiftConv("SL(2)", 1, 2, 3, 4, padding=1),
        "padding = 1",
    ),
    "pooling": (lambda: GroupPool("max"), lambda: GroupPool("mean"), "reduce = mean"),
    "steps of a network": (lambda: resnet(1), lambda: resnet(2), "strides = "),
    "frequency": (lambda: CoordinateKernel(3, 2, 1, 1), lambda: CoordinateKernel(3, 2, 1, 1, omega=9.0), "omega = 9"),
    "drawn elements": (
        lambda: GroupSampler("SL(2)", 4),
        lambda: GroupSampler("SL(2)", 4, weights="none"),
        "weights = none",
    ),
    "noise": (lambda: ProbabilisticFrame("O(3)"), lambda: ProbabilisticFrame("O(3)", scale=2.0), "scale = 2.0"),
    "halves": (
        lambda: SplitEncoder(SmallEncoder(8), 4, 4, ()),
        lambda: SplitEncoder(SmallEncoder(8), 5, 3, ()),
        "d_inv = 5",
    ),
    "side of the turn": (
        lambda: HyperPredictor(9, kind="homomorphism"),
        lambda: HyperPredictor(9, kind="homomorphism", pose="world"),
        "pose = world",
    ),
    "slope": (lambda: VectorNeurons(), lambda: VectorNeurons(slope=0.5), "slope = 0.5"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_state_of_another_is_refused(name: str) -> None:
    if name.startswith("search"):
        pytest.importorskip("pynauty")
    one, other, named = PAIRS[name]
    state = one().state_dict()
    same = one()
    assert not same.load_state_dict(state).missing_keys
    stranger = other()
    before = {key: value.clone() for key, value in stranger.state_dict().items() if not key.endswith("_extra_state")}
    with pytest.raises(SchemaError, match=named):
        stranger.load_state_dict(state)
    if name != "slope":  # which stands in a part, after others were loaded
        assert all(torch.equal(value, before[key]) for key, value in stranger.state_dict().items() if key in before)


def test_weights_alone_can_be_taken_on_purpose() -> None:
    state = {key: value for key, value in field().state_dict().items() if not key.endswith("_extra_state")}
    found = field(r_max=4.0).load_state_dict(state, strict=False)
    assert all(key.endswith("_extra_state") for key in found.missing_keys)
    with pytest.raises(RuntimeError, match="_extra_state"):
        field().load_state_dict(state)


def test_settings_pass_through_files() -> None:
    model = field()
    state = load(save(model.state_dict()))
    field().load_state_dict(state)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    field().load_state_dict(torch.load(file, weights_only=True))
    with pytest.raises(SchemaError, match="cannot be read"):
        field().load_state_dict({**state, "_extra_state": torch.zeros(3)})


def test_products_drawn_at_random_come_with_the_weights() -> None:
    """The bilinear block chooses some of its tensors: the choice is in the state, whoever made the module."""
    rep = "Scalar + 2*Vector + 14*Tensor(2)"
    one, other = (BilinearBlock(rep, "O(3)", generator=spawn(seed, "start")) for seed in (0, 1))
    x = torch.randn(5, 133, generator=spawn(2, "x"))
    assert not torch.allclose(one(x), other(x))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x), other(x))


def test_functions_among_types_are_known_by_name() -> None:
    def action(g: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return x

    def made() -> FrameAveraged:
        return FrameAveraged(nn.Linear(3, 3), HaarFrame("C(4)"), action, action)

    first = made().state_dict()
    assert b"0x" not in first["_extra_state"].numpy().tobytes()
    made().load_state_dict(first)


# What modules are made with and do not tell, and why a state cannot be read wrongly for it. Starts of weights, or how
# many there are, which shapes tell:
_WEIGHTS = {
    *("generator", "init", "leak", "bias", "rule", "ch", "channels", "depth", "radial", "readout", "interactions"),
    *("n_basis", "n_types", "factors", "rank", "shared", "include_odd", "channels_in", "channels_out", "width"),
    *("c_in", "c_out", "in_channels", "dims", "head", "layers", "fan", "original", "out"),
    *("proj", "dim", "hidden"),
}
# modules that tell for themselves, or people's own;
_PARTS = {"backbone", "net", "phi", "rho", "coords", "kernel"}
# what is told under another name, or changes types alone;
_TOLD = {
    *("pool", "stem"),
    *("num_classes", "n_samples", "lift_size", "scales", "frame", "L_in", "L_filter", "L_out"),
    *("L1", "L2", "L3", "settings", "order", "parity", "pairs", "subgraphs"),
}
# how it is computed, what is refused, how many draws stand for one average, how a training differs, what is
# told where it is not the usual.
_COST = {
    *("mode", "chunk", "seed", "method", "strict", "check_finite", "num_samples", "tol", "grad", "forms", "sees"),
    *("degenerate", "temperature", "detach", "dropout", "cache", "memory"),
}


def test_whatever_a_module_is_made_with_is_told_or_known_not_to_matter() -> None:
    """Every parameter of every module that tells; a new one is to be told, or to be named above with its reason."""
    looked: set[type] = set()
    for name in (name for name in PAIRS if not name.startswith("search")):
        for part in PAIRS[name][0]().modules():
            if isinstance(part, Settled) and type(part) not in looked:
                looked.add(type(part))
                asked = set(inspect.signature(type(part).__init__).parameters) - {"self"}
                told = {key for one in part.modules() if isinstance(one, Settled) for key in one.settings()}
                left = asked - told - _WEIGHTS - _PARTS - _TOLD - _COST
                assert not left, (type(part).__name__, left)
    # Whatever of ours tells, but for bases.
    assert looked >= {thing for thing in modules() if issubclass(thing, Settled) and thing.__name__[0] != "_"} - BASES


# Modules whose numbers are a function of their weights and inputs alone, or that belong to one that tells.
FREE_OF_SETTINGS = {
    "Mix": "widths are shapes",
    "WholeNetwork": "limbs, actions and widths are shapes",
    "MessageNetwork": "actions and widths are shapes",
    "TransformerNetwork": "actions, widths and heads are shapes",
    "Headed": "its frame has none, its network tells",
    "Agent": "its networks tell",
    "SubequivariantExtractor": "its policy tells",
    "Columns": "a part of subequivariant networks, which tell",
    "Invariants": "a part of subequivariant networks, which tell",
    "Combine": "widths are shapes",
    "Messages": "its layers tell",
    "Attention": "a part of subequivariant networks, which tell",
    "Maps": "a part of SubgraphLinear, which tells",
    "ExactMaps": "a part of SubgraphLinear, which tells",
    "GraphNorm": "widths are shapes",
    "BatchNorm": "widths are shapes, its averages are in the state",
    "Standardised": "a part of PiecewiseClassifier, its averages are in the state",
    "Remembering": "a base",
    "Constants": "a base",
    "Operation": "a base",
    "Standalone": "its model tells",
    "ForceFieldCommittee": "its members tell; factors scale what they tell of each other alone",
    "Program": "a program of others, loaded with its weights",
    "Dense": "widths are shapes",
    "Coupling": "what it couples is given",
    "InMemory": "the model's own numbers, whatever its plan",
    "InMemoryOrder": "the model's own numbers, whatever its plan",
    "InMemoryList": "the model's own numbers, whatever its plan",
    "DegreeLinear": "degrees and channels are shapes",
    "ElementLinear": "degrees and channels are shapes",
    "EMLPBlock": "its parts tell",
    "SoftBlock": "its parts tell",
    "SoftLinear": "groups enter penalties, not outputs",
    "SphereTransform": "no weights",
    "Synthesis": "no weights, within those that tell",
    "Analysis": "no weights, within those that tell",
    "TorusSynthesis": "no weights, within those that tell",
    "TorusAnalysis": "no weights, within those that tell",
    "Pointwise": "no weights, within those that tell",
    "TensorCarrier": "no weights, within those that tell",
    "GridCarrier": "no weights, within those that tell",
    "FieldGrid": "no weights, within those that tell",
    "FieldSeparable": "no weights, within those that tell",
    "SeparableCarrier": "no weights, within those that tell",
    "TorusCarrier": "no weights, within those that tell",
    "CircleByCircle": "no weights, within those that tell",
    "Frames": "no weights, within those that tell",
    "ZonalProduct": "no weights, within those that tell",
    "VectorLinear": "channels are shapes",
    "VectorNeurons": "its parts tell",
    "DeepScores": "widths are shapes",
    "GatedNetwork": "widths are shapes",
    "PointNetwork": "widths are shapes",
    "OfCells": "its parts tell",
    "OnGraphs": "a model of others, as it is",
    "OneColumn": "a model of others, as it is",
    "Features": "all its numbers are in its state",
    "LagrangianNetwork": "all its numbers are in its state",
    "SmallEncoder": "widths are shapes",
    "ResNet18": "its stems have other shapes",
    "Mechanical": "all its numbers are in its state",
}


BASES = {Settled, SphereProduct, SoftNetwork}


@cache
def modules() -> frozenset[type[nn.Module]]:
    """All modules of ours."""
    found: set[type[nn.Module]] = set()
    for info in pkgutil.walk_packages(isotropy.__path__, "isotropy."):
        if ".experiments" in info.name or info.name.endswith("__main__"):
            continue
        for _, thing in inspect.getmembers(importlib.import_module(info.name), inspect.isclass):
            if issubclass(thing, nn.Module) and thing.__module__.startswith("isotropy."):
                found.add(thing)
    return frozenset(found)


def test_every_module_of_ours_was_looked_at() -> None:
    found = modules()
    silent = {thing.__name__ for thing in found if not issubclass(thing, Settled)}
    assert {name for name in silent if not name.startswith("_")} <= set(FREE_OF_SETTINGS)
