"""One line for a model that does not fit: the same names, the same bits, a budget that is kept, refusals that help."""

from __future__ import annotations

import copy
import io
import socket
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError, NonDeterministicError, ShapeError
from isotropy.optics import InfeasibleBudget, fit_in_memory, measure_peak


class Block(nn.Module):
    """A residual block with chance and statistics."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(width), nn.Dropout(0.2)
        self.one, self.two = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)

    def forward(self, x: Tensor, scale: Tensor | float = 1.0) -> Tensor:
        return x + scale * self.drop(self.two(torch.tanh(self.one(self.norm(x)))))


class Net(nn.Module):
    """A model with parts before and behind its blocks."""

    def __init__(self, skip: str = "") -> None:
        super().__init__()
        self.enter, self.leave, self.skip = nn.Linear(4, 16), nn.Linear(16, 2), skip
        self.body = nn.ModuleDict({"layers": nn.ModuleList(Block(16) for _ in range(6))})

    def forward(self, x: Tensor, scale: Tensor | float = 1.0) -> Tensor:
        z = first = self.enter(x)
        for i, block in enumerate(self.body["layers"]):  # type: ignore[arg-type]
            z = block(z + first if self.skip == "sum" and i == 3 else z, scale)
            if self.skip == "looks":
                first = first + z
        return self.leave(z + first if self.skip == "looks" else z)


def step_of(model: nn.Module, *args: Any) -> list[Tensor]:
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        model(*args).square().sum().backward()
        optimizer.step()
    return [*model.state_dict().values(), torch.rand(2)]


def test_the_model_is_the_same_but_for_its_memory() -> None:
    torch.manual_seed(0)
    net, x = Net(), torch.randn(256, 4)
    plain = copy.deepcopy(net)
    everything = measure_peak(lambda: copy.deepcopy(net)(x, 0.5).square().sum().backward())
    small = fit_in_memory(net, (x, 0.5), 0.45 * everything, blocks="body.layers")
    assert list(small.state_dict()) == list(plain.state_dict())
    assert all(map(torch.equal, small.state_dict().values(), plain.state_dict().values()))
    assert {id(p) for p in small.parameters()} == {id(p) for p in net.parameters()}
    assert all(p.grad is None for p in small.parameters())
    plan: Any = small.plan
    assert plan.predicted.recomputed > 0
    copied = copy.deepcopy(small)
    peak = measure_peak(lambda: copied(x, 0.5).square().sum().backward())
    assert peak <= 0.45 * everything * 1.02
    expected = step_of(plain, x, 0.5)
    assert all(map(torch.equal, expected, step_of(copy.deepcopy(small), x, 0.5)))
    with torch.no_grad():
        assert torch.equal(small.eval()(x[:5]), net.eval()(x[:5]))
    saved = io.BytesIO()
    torch.save(small.state_dict(), saved)
    saved.seek(0)
    plain.load_state_dict(torch.load(saved))
    assert all(map(torch.equal, plain.state_dict().values(), net.state_dict().values()))
    with pytest.raises(InfeasibleBudget, match="outside of the blocks"):
        fit_in_memory(net, (x, 0.5), 0.2 * everything)


def test_chains_and_lists_take_one_line_and_plan_once_for_each_shape() -> None:
    torch.manual_seed(0)
    blocks: list[nn.Module] = [Block(8) for _ in range(5)]
    chain = nn.Sequential(*copy.deepcopy(blocks))
    x = torch.randn(64, 8)
    one, other = fit_in_memory(chain, x), fit_in_memory(blocks, None)
    assert list(one.state_dict()) == list(other.state_dict()) == list(chain.state_dict())
    expected = step_of(copy.deepcopy(chain), x)
    assert all(map(torch.equal, expected, step_of(one, x)))
    assert all(map(torch.equal, expected, step_of(other, x)))
    plans: Any = one.planner
    first = plans.plan
    one(x[:32]).sum().backward()
    assert plans.plan is not first
    again = plans.plan
    one(x).sum().backward()
    assert plans.plan is first
    one(x[:32]).sum().backward()
    assert plans.plan is again


class Told(nn.Module):
    """A module that says what it does by its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Block(4), Block(4)

    def layers_in_order(self) -> list[nn.Module]:
        return [self.first, self.second]

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("make", [lambda: nn.Sequential(Block(4), Block(4)), Told, Net])
def test_frozen_parts_stay_frozen(make: Any, training: bool) -> None:
    model = make().train(training)
    norm = next(part for part in model.modules() if isinstance(part, nn.BatchNorm1d))
    norm.train(not training)
    before = {name: part.training for name, part in model.named_modules()}
    small = fit_in_memory(model, torch.randn(8, 4))
    assert {name: part.training for name, part in model.named_modules()} == before
    assert {name: part.training for name, part in small.named_modules()} == before


def test_what_is_no_chain_is_refused_with_advice() -> None:
    x = torch.randn(8, 4)
    with pytest.raises(DomainError, match=r"between blocks body.layers.2 and body.layers.3.*skip connection") as told:
        fit_in_memory(Net("sum"), x)
    assert "join" in str(told.value)
    with pytest.raises(DomainError, match="join the blocks"):
        fit_in_memory(Net("looks"), x)
    with pytest.raises(DomainError, match="write the model as"):
        fit_in_memory(Block(4), x)
    two = nn.ModuleDict({"a": nn.Sequential(Block(4), Block(4)), "b": nn.Sequential(Block(4), Block(4))})
    with pytest.raises(DomainError, match="blocks='a'"):
        fit_in_memory(two, x)
    with pytest.raises(DomainError, match="blocks='nowhere'"):
        fit_in_memory(Net(), x, blocks="nowhere")
    for wrong in (torch.randn(8, 5), "words"):
        with pytest.raises(ShapeError, match=r"an input of the model|one of this model"):
            fit_in_memory(Net(), wrong)
        with pytest.raises(ShapeError, match="one of this model"):
            fit_in_memory(nn.Sequential(Block(4), Block(4)), wrong)
    with pytest.raises(DomainError, match=r"2 GiB\?"):
        fit_in_memory(Net(), x, "2 GiB?")


class Fickle(nn.Module):
    """A layer that does something else at every other call."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.sin() if self.calls % 2 else x.sin().cos().exp()


def test_a_layer_that_changes_its_mind_is_told_as_such_and_not_as_a_wrong_example() -> None:
    net = nn.Sequential(*[nn.Sequential(nn.Linear(8, 8), Fickle()) for _ in range(6)])
    with pytest.raises(NonDeterministicError, match=r"when it ran again|differs"):
        fit_in_memory(net, torch.ones(16, 8))


def two_processes(rank: int, port: int, answers: Any) -> None:
    """One of two that share each batch: gradients by DDP, with a plan and without."""
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    try:
        torch.manual_seed(0)
        plain = nn.Sequential(*[nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Dropout(0.2), nn.Linear(24, 8))] * 3)
        x = torch.randn(32, 8) + rank
        grads: list[list[Tensor]] = []
        for model in (copy.deepcopy(plain), fit_in_memory(copy.deepcopy(plain), x)):
            both = DistributedDataParallel(model)
            torch.manual_seed(rank)
            both(x).square().sum().backward()
            grads.append([p.grad for p in model.parameters() if p.grad is not None])
        answers.put((rank, len(grads[0]), all(map(torch.equal, *grads)), float(grads[1][0].sum())))
    finally:
        dist.destroy_process_group()


def test_gradients_are_shared_by_two_processes() -> None:
    # A fork of a process that has run backward passes may wait forever for threads that it did not inherit.
    context = torch.multiprocessing.get_context("spawn")
    answers: Any = context.Queue()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [context.Process(target=two_processes, args=(rank, port, answers)) for rank in range(2)]
    for process in started:
        process.start()
    try:
        told = sorted(answers.get(timeout=120) for _ in started)
    except BaseException:
        for process in started:
            process.kill()
        raise
    finally:
        for process in started:
            process.join()
    (_, one, same, total), (_, two, same_too, total_too) = told
    assert one == two == 4
    assert same
    assert same_too
    assert total == total_too
