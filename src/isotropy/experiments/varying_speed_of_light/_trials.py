"""The trials: each job, and where its numbers stand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from isotropy.experiments.varying_speed_of_light._config import (
    BINS,
    EVIDENCE,
    FREE,
    LCDM,
    MOCKS,
    OTHERS,
    PEAKS,
    PLAIN,
    RIDGE,
    SAMPLES,
    TABLE,
    VSL,
    Config,
)
from isotropy.experiments.varying_speed_of_light._peaks import COUNT, available, peaks_job
from isotropy.experiments.varying_speed_of_light._science import (
    bins_job,
    evidence_job,
    fit_job,
    free_job,
    mocks_job,
    ridge_job,
)
from isotropy.study import Outcome, Trial

_ALWAYS = {
    "N": ("N", "supernovae"), "k": ("k", "parameters, offset among them"), "chi2": ("chi2", ""),
    "chi2_per_n": ("chi2 / N", ""), "chi2_per_dof": ("chi2 / (N - k)", ""), "aic": ("AIC", ""), "aicc": ("AICc", ""),
    "bic": ("BIC", ""), "log_z": ("ln Z", ""), "h0": ("H0 at M = -19.35", "km/s/Mpc"),
    "h0_sd": ("sd of H0", "km/s/Mpc"), "age": ("age", "Gy"), "rh_ct": ("chi2 apart from R_h = ct", ""),
}  # fmt: skip


def told(outcome: Outcome, label: str = "") -> dict[tuple[str, str], Any]:
    """The lines of a fit, each setting with the sample before it where there are several."""
    start = f"{label}: " if label else ""
    found: dict[tuple[str, str], Any] = {
        (start + setting, unit): outcome[key] for key, (setting, unit) in _ALWAYS.items() if key in outcome
    }
    for name, value in outcome["params"].items():
        found[start + name, ""] = value
        found[f"{start}sd of {name}", ""] = outcome["sd"][name]
    return found


_FREE = {
    "chi2": ("chi2", ""), "by_hand": ("chi2 with b1 = b2 = 2", ""), "gain": ("gain in chi2", ""),
    "count": ("modes", "number"), "spread": ("H0 apart, modes within chi2 + 4", "km/s/Mpc"),
    "h0_low": ("H0, 2.5 %", "km/s/Mpc"), "h0_median": ("H0, median", "km/s/Mpc"),
    "h0_high": ("H0, 97.5 %", "km/s/Mpc"), "rising": ("posterior of F_inf > 1", "share"), "log_z": ("ln Z", ""),
    "log_z_error": ("ln Z, moved by the last refinement", ""), "log_z_by_hand": ("ln Z with b1 = b2 = 2", ""),
}  # fmt: skip


def _free(outcome: Outcome) -> dict[tuple[str, str], Any]:
    return {line: outcome[key] for key, line in _FREE.items() if key in outcome}


def trials(config: Config) -> Iterator[Trial]:
    """X1 to X7 of specification 07 §4, and X8 where the extra [cmb] is there."""
    plan = config.plan
    for sample, cov in SAMPLES:
        task, label = (TABLE, "") if (sample, cov) == SAMPLES[0] else (OTHERS, f"{sample}, {cov}")
        for model in (VSL, LCDM, PLAIN):
            given: dict[str, Any] = {"sample": sample, "cov": cov, "model": model, "plan": plan}
            yield from config.trials(fit_job, task, model, partial(told, label=label), **given)
    for sample, cov in (("pantheon", "stat"), ("pantheon-binned", "stat+sys")):
        yield from config.trials(free_job, FREE, f"{sample}, {cov}", _free, sample=sample, cov=cov, plan=plan)
    rates = {
        ("fall of H0_eff", "share"): "fall", ("fall of H0 in bins", "share"): "measured_fall",
        ("chi2 of the bins about H0_eff", ""): "chi2", ("bins", "number"): "bins",
    }  # fmt: skip
    yield from config.trials(bins_job, BINS, "pantheon", rates, sample="pantheon", edges=config.edges)
    for sample, cov in SAMPLES:
        nested = (sample, cov) == ("pantheon-binned", "stat+sys")
        found = {
            ("ln Z, VSL with F(z), b1 = b2 = 2", ""): "VSL", ("ln Z, flat LambdaCDM", ""): "LCDM",
            ("ln Z, VSL with F = 1", ""): "PLAIN", ("ln Z, VSL with F(z) above flat LambdaCDM", ""): "difference",
            **({("nested sampling off quadrature", "standard deviations"): "off"} if nested else {}),
        }  # fmt: skip
        yield from config.trials(
            evidence_job, EVIDENCE, f"{sample}, {cov}", found, sample=sample, cov=cov, nested=nested, plan=plan
        )
    ridge = {
        ("exact fields", "number"): "fields", ("gap", ""): "gap",
        ("fields of flat LambdaCDM and wCDM, and beyond (H0, M)", ""): "others",
        ("residuals moved along the orbit", "standard deviations"): "moved",
        ("mu (1 + zeta)", ""): "product", ("information along the field", "of the other"): "unseen",
        ("effective samples, plain", "per CPU second"): "plain_ess",
        ("effective samples, along the orbit", "per CPU second"): "orbits_ess",
        ("effective samples, gain", "times"): "faster",
        ("effective samples, gain, mu (1 + zeta) counted too", "times"): "faster_all",
        ("autocorrelation time, gain", "times"): "steps",
    }  # fmt: skip
    yield from config.trials(ridge_job, RIDGE, "power law", ridge, sample="pantheon", plan=plan)
    mocks = {
        ("coverage of 68 % intervals", "share"): "coverage", ("bias of F_inf", ""): "bias", ("truth", "F_inf"): "truth"
    }  # fmt: skip
    yield from config.trials(mocks_job, MOCKS, VSL, mocks, sample="pantheon-binned", cov="stat+sys", plan=plan)
    if available(asked=PEAKS in config.parts):
        found = {
            ("peaks off those of flat LambdaCDM, the worst", "share"): "apart",
            **{(f"peak {i}", "multipole"): f"peak {i}" for i in range(1, COUNT + 1)},
        }
        yield from config.trials(peaks_job, PEAKS, "matter alone", found)
