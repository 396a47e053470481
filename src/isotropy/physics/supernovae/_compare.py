"""Models beside each other, with all that an honest comparison needs, and no verdict on chi2 / N alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from isotropy.errors import DomainError
from isotropy.physics.cosmology import Cosmology
from isotropy.physics.supernovae._likelihood import SNLikelihood
from isotropy.report import Block, Column, Result, Table, Text

SCALE = (
    "Kass and Raftery 1995: a difference of ln Z below 1 is worth no more than a bare mention, 1 to 3 is positive, "
    "3 to 5 strong, above 5 very strong."
)


def strength(difference: float) -> str:
    """The word for a difference of ln Z on the scale of Kass and Raftery.

    >>> strength(-0.4), strength(4.0)
    ('not worth more than a bare mention', 'strong')
    """
    size = abs(difference)
    words = ((1.0, "not worth more than a bare mention"), (3.0, "positive"), (5.0, "strong"))
    return next((word for bound, word in words if size < bound), "very strong")


@dataclass(frozen=True)
class Compared:
    """One model: k counts the free parameters and the fitted offset; ``fixed`` are numbers that were not fitted."""

    model: str
    N: int
    k: int
    chi2: float
    chi2_per_n: float
    chi2_per_dof: float
    aic: float
    aicc: float
    bic: float
    log_z: float | None
    fixed: str


@dataclass(frozen=True, kw_only=True)
class ModelComparison(Result):
    """The ``models`` on one likelihood, ``about`` which the caption speaks."""

    kind: ClassVar[str] = "model_comparison"
    about: str
    models: tuple[Compared, ...]

    def rows(self) -> Sequence[Mapping[str, object]]:
        return [vars(one) for one in self.models]

    def title(self) -> str:
        return f"Models on {self.about}"

    def blocks(self) -> Sequence[Block]:
        return [Text(self.verdict(), style="headline"), comparison_table(self.models, self.about)]

    def verdict(self) -> str:
        """Which model the evidence prefers, in the word of the scale; nothing is said on chi2 / N alone."""
        known = sorted((one for one in self.models if one.log_z is not None), key=lambda one: -(one.log_z or 0))
        if len(known) < 2:
            return "No evidence was computed: nothing is called better."
        first, second = known[:2]
        difference = (first.log_z or 0) - (second.log_z or 0)
        fixed = f", with {first.fixed} fixed by hand," if first.fixed else ""
        return (
            f"The evidence for {first.model}{fixed} over {second.model} on {self.about} is {strength(difference)} "
            f"(ln Z differs by {difference:.2f})."
        )


def comparison_table(models: Sequence[Compared], about: str, section: str = "") -> Table:
    """The rows with the caption that says how to read them."""
    columns = (
        Column("model"), Column("k"), Column("chi2", "number"), Column("chi2 / N", "number"),
        Column("chi2 / (N - k)", "number"), Column("AIC", "number"), Column("AICc", "number"), Column("BIC", "number"),
        Column("ln Z", "number"), Column("fixed by hand"),
    )  # fmt: skip
    rows = [
        (m.model, m.k, m.chi2, m.chi2_per_n, m.chi2_per_dof, m.aic, m.aicc, m.bic, m.log_z, m.fixed) for m in models
    ]
    n = models[0].N if models else 0
    caption = (
        f"{about}, N = {n}; k counts the fitted offset. chi2 / N is not chi2 / (N - k). ln Z is of the normalised "
        f"Gaussian with a flat, improper offset: only differences mean something. {SCALE}"
    )
    return Table(columns, rows, title=f"Models on {about}", caption=caption, section=section)


def compare_models(
    models: Sequence[Cosmology], likelihood: SNLikelihood, *, evidence: bool = True, seed: int = 0
) -> ModelComparison:
    """Fits of several models to one likelihood: chi2 by N and by N - k, AIC, AICc, BIC, ln Z, and what was fixed.

    Evidences are by quadrature for at most three free parameters, else nested, over the models' priors; ``evidence``
    False leaves them out. Raises DomainError for no models.
    Source: specification 07 §2.3; Burnham and Anderson 2002 (AICc).
    """
    if not models:
        raise DomainError("no models", "one or more")
    rows = [compared(model, likelihood, evidence=evidence, seed=seed) for model in models]
    return ModelComparison(about=f"{likelihood.sample.name}, {likelihood.cov}", models=tuple(rows))


def compared(model: Cosmology, likelihood: SNLikelihood, *, evidence: bool = True, seed: int = 0) -> Compared:
    """One row of the comparison."""
    fit = likelihood.fit(model, intervals=False, seed=seed)
    n = len(likelihood.sample)
    free = len(model.parameters)
    k = free + isinstance(likelihood.offset, str)
    chi2 = fit.chi2 - likelihood.constant  # of the profile, whatever the offset: what k parameters and a constant fit
    log_z = None
    if evidence:
        method = "quadrature" if free <= 3 else "nested"
        log_z = likelihood.evidence(model, method=method, seed=seed).log_z
    small = 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.inf
    fixed = ", ".join(f"{name}={value}" for name, value in model.fixed.items())
    return Compared(
        model.name, n, k, chi2, chi2 / n, chi2 / (n - k) if n > k else math.nan, chi2 + 2 * k, chi2 + 2 * k + small,
        chi2 + k * math.log(n), log_z, fixed,
    )  # fmt: skip
