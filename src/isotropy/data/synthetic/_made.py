"""A problem with known truth: inputs from a known law, an exact function, and what breaks each symmetry."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data._dataset import Dataset, Recipe
from isotropy.errors import DomainError
from isotropy.random import spawn

_SHARE_TOLERANCE, _PRICE_TOLERANCE, _ABSENT = 0.01, 0.05, 0.5  # the verdicts' yardsticks


@dataclass(frozen=True)
class Truth:
    """What is exact about a function f: energies per row, and what breaks each group, before any division.

    ``energy`` is V = E|f - c|^2 with c the best constant invariant under the largest candidate, ``uncentred`` is
    e = E|f|^2, and ``broken`` maps a group's printed name to E|f - R f|^2 (over a window W of a group without Haar
    probability: half of E|f - g.f|^2, which agrees where both exist).
    """

    energy: float
    uncentred: float
    broken: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def shares(self) -> dict[str, float]:
        """The breaking fractions b = broken / energy, the headline.

        >>> Truth(2.0, 4.0, {"O(3)": 1.0}).shares
        {'O(3)': 0.5}
        """
        return {name: value / self.energy for name, value in self.broken.items()}


@dataclass(frozen=True, kw_only=True)
class Made(Recipe):
    """Base of the suite: subclasses add their dials as fields and say types, inputs, function and truth.

    ``noise`` is the standard deviation added to each target. ``inputs="aligned"`` turns every row into one pose, so
    that turned inputs do not occur in the data and nothing about the group can be learnt from them.
    """

    n: int = 1000
    noise: float = 0.0
    seed: int = 0
    inputs: Literal["invariant", "aligned"] = "invariant"

    source = "made by formula (isotropy.data.synthetic)"
    licence = "none needed: computed"
    windowed: ClassVar[tuple[str, ...]] = ()  # groups without Haar probability
    unit: ClassVar[str] = "on log scale"  # of the width of their windows

    def __post_init__(self) -> None:
        if self.n < 1:
            raise DomainError(f"n = {self.n}", "at least one row")
        if self.noise < 0:
            raise DomainError(f"noise = {self.noise}", "a standard deviation of at least 0")
        if any(width <= 0 for width in self.windows.values()):
            raise DomainError(f"width = {vars(self)['width']}", f"a positive width {self.unit}")

    @abstractmethod
    def function(self, x: Float[Tensor, "... p"]) -> Float[Tensor, "... q"]:
        """The exact f*(x), without noise."""

    @abstractmethod
    def truth(self) -> Truth | None:
        """Energies and breakings in closed form; None where there is no function to speak of."""

    @property
    def windows(self) -> dict[str, float]:
        """Widths with which ``truth`` measures groups that have no Haar probability."""
        return {name: vars(self)["width"] for name in self.windowed}

    @property
    def spread_of_noise(self) -> float:
        """Standard deviation of what is added to each target."""
        return self.noise

    def draw(self, n: int, *, generator: torch.Generator) -> Float[Tensor, "n p"]:
        """``n`` rows of inputs from the problem's law: standard normal where it has no other."""
        return torch.randn(n, self.types.widths()[0], generator=generator, dtype=torch.float64)

    def align(self, x: Float[Tensor, "n p"]) -> Float[Tensor, "n p"]:
        """Every row turned into one pose: where all inputs are vectors, that of ``principal_pose``."""
        return principal_pose(x.unflatten(1, (-1, (self.types.dims or {})["space"]))).flatten(1)

    def dataset(self) -> Dataset:
        """The rows, with everything that is known about them.

        >>> from isotropy.data.synthetic import Inertia
        >>> round(Inertia(nu=0.3, n=10).dataset().truth["O(3)"], 5)
        0.04672
        """
        x = self.draw(self.n, generator=spawn(self.seed, self.name, "inputs"))
        aligned = self.inputs == "aligned"
        if aligned:
            x = self.align(x)
        y = self.function(x)
        if self.spread_of_noise:
            y = y + self.spread_of_noise * torch.randn(
                y.shape, generator=spawn(self.seed, self.name, "noise"), dtype=torch.float64
            )
        # The closed forms are means over invariant inputs; of aligned inputs they say nothing.
        truth = None if aligned else self.truth()
        known: dict[str, object] = {}
        if truth is not None:
            uncentred = {name: value / truth.uncentred for name, value in truth.broken.items()}
            known = {"truth": truth.shares, "truth_uncentred": uncentred, "energy": truth.energy}
        return self.made(
            x,
            y,
            expected=self.expected(),
            windows=self.windows,
            noise=self.spread_of_noise,
            function=self.function,
            **known,
        )

    def expected(self) -> dict[str, str]:
        """The verdict that the truth calls for, group by group, given enough rows and a good model.

        >>> from isotropy.data.synthetic import Inertia
        >>> Inertia(nu=-1.0).expected()["O(3)"], Inertia(nu=-1.0).expected()["O(2)@z"]
        ('absent', 'no breaking detected')
        """
        if self.inputs == "aligned":
            return dict.fromkeys(self.groups, "not identifiable")
        truth = self.truth()
        if truth is None:
            return dict.fromkeys(self.groups, "no signal")
        outputs = self.function(self.draw(1, generator=spawn(0, "width"))).shape[-1]
        return {name: self._verdict(value, truth.energy, outputs) for name, value in truth.broken.items()}

    def _verdict(self, broken: float, energy: float, outputs: int) -> str:
        if broken <= 1e-12 * energy:
            return "no breaking detected"
        if broken < _SHARE_TOLERANCE * energy and broken < _PRICE_TOLERANCE * self.noise**2 * outputs:
            return "negligible"
        return "absent" if broken > _ABSENT * energy else "approximate"


def principal_pose(r: Float[Tensor, "n k d"]) -> Float[Tensor, "n k d"]:
    """Each row's vectors in the axes of their scatter, largest spread first, each axis pointing to its larger side.

    Rows that a rotation or a reflection carries into each other come out equal.

    >>> r = torch.tensor([[[1.0, 0.0], [2.0, 1.0]]], dtype=torch.float64)
    >>> turned = r @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    >>> torch.allclose(principal_pose(r), principal_pose(turned))
    True
    """
    axes = torch.linalg.eigh(r.mT @ r).eigenvectors.flip(-1)
    z = r @ axes
    # The third moment says which side is larger, whatever the order of the vectors.
    return z * torch.where(z.pow(3).sum(-2, keepdim=True) < 0, -1.0, 1.0)
