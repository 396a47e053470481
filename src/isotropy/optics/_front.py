"""``fit_in_memory``: one line for a model that does not fit."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.optics._budget import InfeasibleBudget, in_words
from isotropy.optics._chain import Chain
from isotropy.optics._follow import follow
from isotropy.optics._in_memory import (
    STORE_OR_RECOMPUTE,
    InMemory,
    InMemoryList,
    InMemoryOrder,
    Planned,
    Planner,
    in_order,
    read_budget,
)
from isotropy.optics._measuring import as_example, cut, peak_of_a_pass, untouched
from isotropy.optics._plan import Plan
from isotropy.optics._run import asks

_ROUNDS = 6


def fit_in_memory(
    model: nn.Module | Sequence[nn.Module],
    example: Any,
    budget: str | float | None = None,
    *,
    blocks: str | None = None,
    allow: Collection[str] = STORE_OR_RECOMPUTE,
    debug: bool = False,
) -> nn.Module:
    """The same model, which keeps for its backward pass what a ``budget`` of memory allows, and runs the rest again.

    ``model`` is an ``nn.Sequential``, a list of blocks, or a module with blocks that it calls one after the other:
    ``blocks="encoder.layers"`` names them, and where there is one such list it is found. A residual block is one block.
    A module that does nothing but call some layers in turn may say so by a method ``layers_in_order()``, a list.
    ``example`` is an input of the model, or a tuple of its arguments; None plans when the first input comes, for the
    blocks alone.
    Without a budget the smallest is taken. A budget counts every storage that a forward and backward pass make: kept
    values, working tensors, cotangents, gradients; not the input, the parameters and the state of an optimiser.

    What is returned shares parameters and buffers with ``model``, under the same names; its ``plan`` says what is kept
    and what that costs. Outputs, gradients, buffers and the random stream are bit by bit those of ``model``, for layers
    that are deterministic given their random state (``debug=True`` compares). Another shape of input plans anew, once.

    Raises InfeasibleBudget, which names the smallest budget and the block in the way; DomainError where no blocks are
    found or something happens to a value between two of them (a skip connection across them, for example); ShapeError
    for an example that is not an input of the model.

    >>> net = nn.Sequential(*[nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 16)) for _ in range(8)])
    >>> small = fit_in_memory(net, torch.ones(512, 16), "1MB")
    >>> small.plan.predicted.peak_bytes <= 1e6, small.plan.predicted.recomputed
    (True, 4)
    >>> list(small.state_dict()) == list(net.state_dict())
    True
    """
    planner = Planner(read_budget(budget), tuple(allow), debug)
    made, path = _with(model, blocks, planner)
    if path is None:
        return _planned(made, planner, (example,)) if example is not None else made
    if example is None:
        if isinstance(made.get_submodule(path), InMemoryList):
            raise DomainError(
                f"a loop over the blocks {path!r}, without an example",
                "an example, on which is seen what happens between them",
                "fit_in_memory(model, example)",
            )
        return made
    assert isinstance(model, nn.Module), "blocks have a name in a module only"
    args = example if isinstance(example, tuple) else (example,)
    follow(model, path, args)
    _compare(model, made, path, args)
    made = _planned(made, planner, args, fitting=True)
    if isinstance(getattr(made, "plan", planner.plan), Plan):  # never in place of something of the model's own
        object.__setattr__(made, "plan", planner.plan)
    return made


def chain_in(model: nn.Module | Sequence[nn.Module], example: Any, blocks: str | None = None) -> tuple[Chain, Any, str]:
    """The blocks of a model as a chain, the value that goes into the first of them, and their name in the model.

    It takes and refuses what ``fit_in_memory`` does. The name is empty where the model is nothing but its blocks.
    """
    catch = _Catch(None)
    made, path = _with(model, blocks, catch)
    args = example if isinstance(example, tuple) else (example,)
    if path is not None:
        assert isinstance(model, nn.Module), "blocks have a name in a module only"
        follow(model, path, args)
    with untouched([made], args), torch.enable_grad():
        made(*args)
    if catch.caught is None:
        raise DomainError("a model that did not run its blocks on the example", "blocks that run at each call")
    return *catch.caught, path or ""


@dataclass
class _Catch(Planner):
    """No planner: it keeps the chain, and the value that comes to it, cut from its graph."""

    caught: tuple[Chain, Any] | None = None

    def run(self, chain: Chain, x: Any) -> Any:
        self.caught = chain, cut(x, asks(x))
        with torch.no_grad():
            return chain.run(x)


def _with(model: nn.Module | Sequence[nn.Module], blocks: str | None, planner: Planner) -> tuple[nn.Module, str | None]:
    """The model with a planner for its blocks, and their name in it, None where there is nothing else in it."""
    if isinstance(model, nn.Sequential) and blocks is None:
        _refuse_more(model)
        made: nn.Module = InMemory({name: part for name, part in model._modules.items() if part is not None}, planner)
        made.training = model.training  # not train(): the blocks are shared, and some of them may be frozen
        return made, None
    if not isinstance(model, nn.Module):
        return InMemory({str(i): part for i, part in enumerate(model)}, planner), None
    layers = None if blocks is not None else in_order(model)
    if layers is not None:
        return InMemoryOrder(model, layers, planner), None
    path = blocks if blocks is not None else the_blocks(model)
    return _replaced(model, path, planner), path


def planner_of(model: nn.Module) -> Planner | None:
    """The planner of a model from ``fit_in_memory``, None for another model."""
    return next((part.planner for part in model.modules() if isinstance(part, Planned)), None)


def the_blocks(model: nn.Module) -> str:
    """The name of the one list of blocks that a module has."""
    found = [
        name
        for name, part in model.named_modules()
        if isinstance(part, nn.Sequential | nn.ModuleList) and len(part) > 1 and name
    ]
    outer = [name for name in found if not any(name.startswith(f"{other}.") for other in found)]
    if len(outer) != 1:
        raise DomainError(
            f"{type(model).__name__}, with "
            + (f"several lists of blocks: {', '.join(outer)}" if outer else "no blocks"),
            "an nn.Sequential, a list of blocks, or a module with one list of blocks that run one after the other",
            f"blocks={outer[0]!r}" if outer else "write the model as an nn.Sequential of its blocks",
        )
    return outer[0]


def _replaced(model: nn.Module, path: str, planner: Planner) -> nn.Module:
    """A copy of the modules on the way to the blocks; all others, and all parameters, are shared."""
    try:
        part = model.get_submodule(path)
    except AttributeError as error:
        raise DomainError(f"blocks={path!r}", "the name of an nn.ModuleList or nn.Sequential", str(error)) from error
    _refuse_more(part)
    if isinstance(part, nn.Sequential):
        new: nn.Module = InMemory({k: one for k, one in part._modules.items() if one is not None}, planner)
    elif isinstance(part, nn.ModuleList):
        new = InMemoryList(part._modules.values(), planner)  # pyright: ignore[reportArgumentType]
    else:
        raise DomainError(f"blocks={path!r}, a {type(part).__name__}", "the name of an nn.ModuleList or nn.Sequential")
    new.training = part.training
    whole = at = _shallow(model)
    *above, last = path.split(".")
    for name in above:
        inner = _shallow(at._modules[name])
        at._modules[name] = inner
        at = inner
    at._modules[last] = new
    return whole


def _refuse_more(part: nn.Module) -> None:
    """Blocks are all that is carried over of a list of blocks."""
    own = isinstance(part, nn.Sequential) and type(part).forward not in (nn.Sequential.forward, InMemory.forward)
    more = [*part._parameters, *part._buffers, *part._forward_hooks, *part._forward_pre_hooks]
    if own or more:
        raise DomainError(
            f"a {type(part).__name__} with " + ("a forward of its own" if own else "hooks or parameters of its own"),
            "blocks one after the other, and nothing else",
            "put it as one block into an nn.Sequential",
        )


def _shallow(module: nn.Module | None) -> nn.Module:
    assert module is not None
    new = copy.copy(module)
    new._modules = dict(module._modules)
    return new


def _compare(model: nn.Module, made: nn.Module, path: str, args: tuple[Any, ...]) -> None:
    """Refuses a model that looks at values between its blocks."""
    with untouched([model], args), torch.no_grad():
        expected = tree.tree_leaves(model(*args))
    with untouched([model], args), torch.no_grad():
        try:
            given = tree.tree_leaves(made(*args))
        except Exception as error:
            raise _between(model, path, str(error)) from error
    same = len(given) == len(expected) and all(
        torch.equal(a.nan_to_num(), b.nan_to_num()) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b
        for a, b in zip(given, expected, strict=False)
    )
    if not same:
        raise _between(model, path, "its output is another one when they run as one")


def _between(model: nn.Module, path: str, why: str) -> DomainError:
    return DomainError(
        f"{type(model).__name__}, which does something with values between the blocks of {path!r} ({why})",
        "blocks that take what the one before gives, and nothing else that looks at it",
        "a skip connection or a list of all values has to lie inside one block: join the blocks that it spans",
    )


def _planned(made: nn.Module, planner: Planner, args: tuple[Any, ...], *, fitting: bool = False) -> nn.Module:
    """Plans on the example; where other parts take memory too, until a whole pass keeps within the budget."""
    budget = planner.budget
    if not fitting or budget is None:
        _pass(made, args)
        return made
    planner.replan(None)
    outside, plan = 0.0, planner.plan
    for _ in range(_ROUNDS):
        peak = _pass(made, args)
        plan = _that_ran(planner)
        if planner.budget is not None and peak <= budget:
            return made
        outside += max(0.0, peak - (plan.predicted.peak_bytes if planner.budget is None else budget))
        planner.replan(budget, outside)
    raise InfeasibleBudget(
        f"a budget of {in_words(budget)}",
        f"more: {in_words(outside)} are taken outside of the blocks",
        "a larger budget",
    )


def _that_ran(planner: Planner) -> Plan:
    if planner.plan is None:
        raise DomainError("a model that did not run its blocks on the example", "blocks that run at each call")
    return planner.plan


def _pass(made: nn.Module, args: tuple[Any, ...]) -> float:
    with as_example(args):
        return float(peak_of_a_pass(made, args))
