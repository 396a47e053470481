"""The shapes that must hold (specification 02 §4.3 and §5.10): what affine warps cost, and who pays less."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise

from isotropy.experiments.lie_decomposition._config import (
    BOTH,
    CONVOLUTION,
    DIGITS,
    MOMENTS,
    PLAIN,
    SHAPES,
    SUMS,
)
from isotropy.study import Claim, Scored, Value, at_least, at_most, below, of, rising

NOISE = 0.02
"""Two standard errors of a share of about 0.8 among a thousand digits and as many again."""


def _named(setting: str, method: str) -> Value[Scored]:
    return of(DIGITS, setting, method)


def _gap(method: str) -> Value[Scored]:
    return _named("clean", method) - _named("affine", method)


def _by_samples(result: Scored) -> list[float]:
    """The shares on affine warps, by the number of samples; 8 is the usual one."""
    found = {
        int((re.search(r"\d+", line.method) or [8])[0]): line.mean
        for line in result.lines(DIGITS, "^affine$")
        if re.fullmatch(rf"{CONVOLUTION}(, \d+ samples)?", line.method)
    }
    return [found[n] for n in sorted(found)]


def _more_samples(result: Scored) -> bool:
    shares = _by_samples(result)
    return len(shares) > 1 and all(later >= earlier - NOISE for earlier, later in pairwise(shares))


def _told(result: Scored) -> str:
    return ", ".join(f"{share:.3f}" for share in _by_samples(result))


_sum = partial(of, SUMS)
CLAIMS: tuple[Claim[Scored], ...] = (
    at_least(
        "digits: behind the moments 40 points more on affine warps than plain",
        _named("affine", MOMENTS) - _named("affine", PLAIN),
        0.40,
    ),
    at_most(
        "digits: moments cost at most 1 point of clean ones", _named("clean", PLAIN) - _named("clean", MOMENTS), 0.01
    ),
    at_most(
        "digits: the convolution is within 1.5 points of plain on clean ones (a)",
        _named("clean", PLAIN) - _named("clean", CONVOLUTION),
        0.015,
    ),
    at_most(
        "digits: affine warps cost the convolution at most half of what they cost plain (b)",
        _gap(CONVOLUTION) - _gap(PLAIN) * 0.5,
        0.0,
    ),
    at_least(
        "digits: the convolution has 20 points more on affine warps than plain",
        _named("affine", CONVOLUTION) - _named("affine", PLAIN),
        0.20,
    ),
    Claim(
        "digits: 2, 4, 8 and 16 samples are no worse each than fewer, on affine warps, within noise (c)",
        _more_samples,
        _told,
        frozenset({DIGITS}),
    ),
    below(
        "digits: moments and turns together beat moments alone on wide warps",
        _named("wide", MOMENTS),
        _named("wide", BOTH),
    ),
    *(
        below(f"sums: on {group} Haar weights err less than none for {n} draws (d)",
              _sum(f"{group}, {n} draws", "Haar weights"), _sum(f"{group}, {n} draws", "no weights"))
        for group in ("SL(2)", "GL+(2)") for n in (1024, 4096)
    ),
    *(
        rising(f"sums: on {group} the error of independent draws falls as n^-1/2 (slope -0.4 to -0.62)",
               (-0.62, _sum(f"{group}, slope", "Haar weights"), -0.4))
        for group in ("SL(2)", "GL+(2)")
    ),
    *(
        at_most(f"sums: on {group} that of Sobol points falls faster (slope below -0.75)",
                _sum(f"{group}, slope", "Haar weights, Sobol"), -0.75)
        for group in ("SL(2)", "GL+(2)")
    ),
    below(
        "voxels: the convolution over SL(3) names more stretched shapes than a plain network",
        of(SHAPES, "stretched", PLAIN),
        of(SHAPES, "stretched", CONVOLUTION),
    ),
)  # fmt: skip
