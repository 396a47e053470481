"""How much memory a piece of work holds in tensors, at most."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor
from torch.utils import _pytree as tree
from torch.utils._python_dispatch import TorchDispatchMode


class _Tracker(TorchDispatchMode):
    """Adds every storage that an operation makes, and takes it off when it dies."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def count(self, value: object) -> None:
        if not isinstance(value, Tensor):
            return
        storage = value.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        weakref.finalize(storage, self._forget, key, size)
        self.live += size
        self.peak = max(self.peak, self.live)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree.tree_leaves(result):
            self.count(leaf)
        return result


def peak_bytes(work: Callable[[], object], held: Iterable[Tensor] = ()) -> int:
    """The most bytes that tensors take during ``work()``, those ``held`` before it included.

    Counted are the storages of tensors, each once, while they live: weights, gradients, what is kept for the backward
    pass, the state of an optimiser. Not counted is scratch space inside single operations, and Python itself.

    >>> import torch
    >>> peak_bytes(lambda: torch.ones(1000, dtype=torch.float64) + 1)
    16000
    """
    tracker = _Tracker()
    for tensor in held:
        tracker.count(tensor)
    with tracker:
        work()
    return tracker.peak
