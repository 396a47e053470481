"""X8: peaks of the microwave background in a universe of matter alone with a broken primordial spectrum, by camb.

The code assumes a constant speed of light and temperatures that fall as 1/a: it tries the universe to which the paper
compares its H0, and does not show that a varying speed of light is consistent with it. Source: Blanchard, Douspis,
Rowan-Robinson and Sarkar, A&A 412, 35 (2003), parameters as in specification 07 §2.5 [recalled].
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import MissingExtraError
from isotropy.runs import Run
from isotropy.study import Outcome, Trace, job

Numbers = NDArray[np.float64]
COUNT = 4
"""Peaks that are compared."""

_REACH = 1400  # multipoles: beyond the fourth peak
_APART = 60  # multipoles: peaks are 200 to 300 apart, so nothing higher is this near
_RADIATION = 4.18e-5  # Omega h^2 of photons at 2.7255 K and 3.046 massless neutrinos


def available(*, asked: bool = False) -> bool:
    """Whether the extra [cmb] is there. Raises MissingExtraError where it is not and the part is asked for by name."""
    found = find_spec("camb") is not None
    if asked and not found:
        raise MissingExtraError.of("camb", "cmb")
    return found


def broken_power(k: Numbers, *, amplitude: float = 2.3e-9, at: float = 0.0096, low: float = 1.015,
                 high: float = 0.806) -> Numbers:  # fmt: skip
    """A primordial spectrum of tilt ``low`` below ``at`` (1/Mpc) and ``high`` above; peaks lie where they lie for any
    ``amplitude``.

    >>> [round(float(one) * 1e9, 3) for one in broken_power(np.array([0.0096, 0.096]))]
    [2.3, 1.471]
    """
    return amplitude * (k / at) ** (np.where(k < at, low, high) - 1)


def temperature_spectrum(
    H0: float, omega_b: float, omega_c: float, tau: float, *, tilt: float | None, amplitude: float = 2.1e-9
) -> Numbers:
    """``l (l + 1) C_l / 2 pi`` in muK^2 for l = 0, 1, ..., without lensing; ``tilt=None`` is ``broken_power``.

    Flat: what matter (``omega`` are Omega h^2) and radiation leave is a cosmological constant. Raises MissingExtraError
    without camb.
    """
    try:
        import camb
    except ImportError as missing:
        raise MissingExtraError.of("camb", "cmb") from missing
    asked: Any = camb.CAMBparams()
    asked.set_cosmology(H0=H0, ombh2=omega_b, omch2=omega_c, mnu=0, num_massive_neutrinos=0, nnu=3.046, tau=tau, omk=0)
    if tilt is None:
        k = np.logspace(-6, 1, 4000)
        asked.set_initial_power_table(k, broken_power(k), effective_ns_for_nonlinear=0.9)
    else:
        asked.InitPower.set_params(As=amplitude, ns=tilt)
    asked.set_for_lmax(_REACH + 100, lens_potential_accuracy=0)
    asked.DoLensing = False
    return np.asarray(camb.get_results(asked).get_unlensed_scalar_cls(CMB_unit="muK")[:_REACH, 0])


def peaks(spectrum: Numbers) -> list[int]:
    """Multipoles of the acoustic peaks: higher than all within ``_APART``, from 100 on.

    >>> peaks(np.sin(np.arange(1400) * np.pi / 300) ** 2)[:3]
    [150, 450, 750]
    """
    inside = range(100, len(spectrum) - _APART)
    return [at for at in inside if spectrum[at] == spectrum[at - _APART : at + _APART + 1].max()]


@job
def peaks_job(run: Run, *, seed: int) -> Outcome:
    """The first peaks of both universes, and how far apart they are at most, in proportion."""
    h = 0.46
    universes = {
        "matter alone, broken spectrum": temperature_spectrum(46, 0.019, h * h - 0.019 - _RADIATION, 0.10, tilt=None),
        "flat LambdaCDM": temperature_spectrum(67.4, 0.0224, 0.120, 0.054, tilt=0.965),
    }
    found = [peaks(spectrum)[:COUNT] for spectrum in universes.values()]
    ell = list(range(30, _REACH, 5))
    return {
        "apart": max(abs(one / other - 1) for one, other in zip(*found, strict=True)),
        **{f"peak {i + 1}": float(at) for i, at in enumerate(found[0])},
        "traces": [
            Trace("background", name, {"l": ell, "D": [float(spectrum[at] / spectrum[found[i][0]]) for at in ell]})
            for i, (name, spectrum) in enumerate(universes.items())
        ],
    }
