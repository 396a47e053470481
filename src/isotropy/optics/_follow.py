"""Whether blocks of a module run one after the other, each on what the one before gave: seen in one forward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.optics._measuring import as_example, untouched


def follow(model: nn.Module, path: str, args: tuple[Any, ...]) -> None:
    """Raises DomainError, which names the blocks, where something else happens; ShapeError where the model fails."""
    part = model.get_submodule(path)
    blocks = [block for block in part.children() if block is not None]
    watch = _Watch(path, [name for name, _ in part.named_children()])
    hooks = [block.register_forward_pre_hook(watch.before(i), with_kwargs=True) for i, block in enumerate(blocks)]
    hooks += [block.register_forward_hook(watch.after) for block in blocks]
    try:
        with as_example(args), untouched([model], args), torch.no_grad():
            model(*args)
    finally:
        for hook in hooks:
            hook.remove()
    if watch.at != len(blocks):
        raise DomainError(
            f"blocks of {path!r} of which {watch.at} ran", f"each of the {len(blocks)} once, in their order"
        )


class _Watch:
    """What the last block gave, and which further arguments all receive."""

    def __init__(self, path: str, names: list[str]) -> None:
        self.path, self.names = path, names
        self.at = 0
        self.given: list[Any] = []
        self.more: list[Any] = []

    def before(self, block: int) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
            name = self._name(block)
            if block != self.at:
                raise DomainError(f"block {name} at turn {self.at}", "each block once, in their order")
            if not args:
                raise DomainError(f"block {name}, called by names only", "its value as first argument")
            value, more = tree.tree_leaves(args[0]), tree.tree_leaves((args[1:], named))
            if block == 0:
                self.more = more
                return
            if [*map(id, value)] != [*map(id, self.given)]:
                raise DomainError(
                    f"something between blocks {self._name(block - 1)} and {name}",
                    "that each block takes what the one before gives, as it is",
                    "join them in one module with what happens in between; a skip connection lies inside one block",
                )
            if len(more) != len(self.more) or not all(map(_equal, more, self.more)):
                raise DomainError(f"further arguments of block {name} that are its own", "the same for all blocks")

        return hook

    def after(self, _: nn.Module, __: Any, result: Any) -> None:
        self.given, self.at = tree.tree_leaves(result), self.at + 1

    def _name(self, block: int) -> str:
        return f"{self.path}.{self.names[block]}"


def _equal(a: Any, b: Any) -> bool:
    return a is b or (not isinstance(a, Tensor) and not isinstance(b, Tensor) and bool(a == b))
