"""Groups that are made of another one."""

from dataclasses import dataclass, field

from isotropy.groups._group import Group


@dataclass(frozen=True, repr=False)
class Built(Group):
    """A group made of its ``base``, whose traits it has unless it says otherwise."""

    base: Group
    space: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", self.base.space)

    @property
    def degree(self) -> int:
        return self.base.degree

    @property
    def order(self) -> int | None:
        return self.base.order

    @property
    def compact(self) -> bool:
        return self.base.compact

    @property
    def unimodular(self) -> bool:
        return self.base.unimodular
