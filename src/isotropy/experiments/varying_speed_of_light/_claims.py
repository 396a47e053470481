"""What has to hold: the paper's table again, and what it says of the sky, tried with full statistics."""

from __future__ import annotations

from isotropy.experiments.varying_speed_of_light._config import (
    BINS,
    EVIDENCE,
    FREE,
    LCDM,
    MOCKS,
    PEAKS,
    PLAIN,
    RIDGE,
    TABLE,
    VSL,
    Config,
)
from isotropy.experiments.varying_speed_of_light._peaks import available
from isotropy.study import Claim, Scored, Value, at_least, at_most, of


def _off(setting: str, method: str, printed: float) -> Value[Scored]:
    return abs(of(TABLE, setting, method) - printed)


def _difference(method: str) -> Value[Scored]:
    return of(EVIDENCE, "ln Z, VSL with F(z) above flat LambdaCDM", method)


CLAIMS: tuple[Claim[Scored], ...] = (
    at_most("the published chi2 / N of three models, to 2e-5",
            [_off("chi2 / N", VSL, 0.98556), _off("chi2 / N", LCDM, 0.98824), _off("chi2 / N", PLAIN, 1.25366)], 2e-5),
    at_most("the published F_inf and Om, to 0.001", [_off("F_inf", VSL, 0.931), _off("Om", LCDM, 0.285)], 1e-3),
    at_most("the published H0 at M = -19.35, to 0.1", [_off("H0 at M = -19.35", VSL, 47.2),
            _off("H0 at M = -19.35", LCDM, 70.2), _off("H0 at M = -19.35", PLAIN, 44.4)], 0.1),
    at_most("the published age, 13.8 Gy, to 0.05", _off("age", VSL, 13.8), 0.05),
    at_most("F = 1 has the distances of R_h = ct, up to a constant: chi2 to 1e-6",
            of(TABLE, "chi2 apart from R_h = ct", PLAIN), 1e-6),
    at_least("the paper's model, b1 and b2 by hand, 1 above flat LambdaCDM in ln Z: Pantheon, statistical errors",
             _difference("pantheon, stat"), 1.0),
    at_least("the same with systematics: Pantheon in bins", _difference("pantheon-binned, stat+sys"), 1.0),
    at_least("the same on Union3", _difference("union3, stat+sys"), 1.0),
    at_most("H0 = 47.2 does not rest on b1 = b2 = 2: modes within chi2 + 4 are within 2 km/s/Mpc of each other",
            of(FREE, "H0 apart, modes within chi2 + 4", "pantheon, stat"), 2.0),
    at_least("H0_eff falls with redshift by about 10 % (at least 5 %)", of(BINS, "fall of H0_eff", "pantheon"), 0.05),
    at_least("exactly one field for (mu, zeta): at least one", of(RIDGE, "exact fields", "power law"), 1),
    at_most("exactly one field for (mu, zeta): at most one", of(RIDGE, "exact fields", "power law"), 1),
    at_most("none for flat LambdaCDM and wCDM, one for (H0, M)",
            of(RIDGE, "fields of flat LambdaCDM and wCDM, and beyond (H0, M)", "power law"), 0),
    at_most("no residual moves along the orbit", of(RIDGE, "residuals moved along the orbit", "power law"), 1e-6),
    at_least("moves along the orbit give ten times the effective samples per second",
             of(RIDGE, "effective samples, gain", "power law"), 10),
    at_least("mocks: 68 % intervals hold the truth in at least 60 %",
             of(MOCKS, "coverage of 68 % intervals", VSL), 0.60),
    at_most("mocks: and in at most 76 %", of(MOCKS, "coverage of 68 % intervals", VSL), 0.76),
    at_most("nested sampling within 3 standard deviations of quadrature",
            of(EVIDENCE, "nested sampling off quadrature", "pantheon-binned, stat+sys"), 3),
)  # fmt: skip

_BACKGROUND: Claim[Scored] = at_most(
    "matter alone with a broken primordial spectrum and H0 = 46 has its first four peaks where flat LambdaCDM has "
    "them, to 2 % (constant c)",
    of(PEAKS, "peaks off those of flat LambdaCDM, the worst", "matter alone"), 0.02,
)  # fmt: skip


def claims(config: Config) -> tuple[Claim[Scored], ...]:
    """Those of the parts that there are: the microwave background needs the extra [cmb]."""
    return (*CLAIMS, _BACKGROUND) if available() else CLAIMS
