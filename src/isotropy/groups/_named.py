"""Groups that are known by a symbol and a number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from isotropy.groups._linear import LinearGroup, check_size


@dataclass(frozen=True, repr=False)
class NamedGroup(LinearGroup):
    """A group known by a symbol and a number, as SO(3)."""

    n: int
    space: str = "space"
    symbol: ClassVar[str]
    least: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_size(self.symbol, self.n, self.least)

    @property
    def name(self) -> str:
        return f"{self.symbol}({self.n})" + ("" if self.space == "space" else f'.on("{self.space}")')

    @property
    def degree(self) -> int:
        return self.n

    @property
    def order(self) -> int | None:
        return None

    def on(self, space: str) -> NamedGroup:
        return replace(self, space=space)
