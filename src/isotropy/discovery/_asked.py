"""What is asked beside the data: the noise as it may be spelt, checked before anything is computed."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import DtypeError
from isotropy.measure import GivenNoise, given_noise, parse_noise
from isotropy.study import Problem


def noise_by_part(given: GivenNoise | str, problem: Problem) -> dict[str, float]:
    """The standard deviation of each part that the noise names, as the mean over rows and columns.

    Text is read, and an array like the values of Clouds is made rows. Raises DtypeError for what holds no numbers, and
    what ``given_noise`` and ``parse_noise`` raise.
    """
    given = parse_noise(given) if isinstance(given, str) else given
    mapping = isinstance(given, Mapping)
    plain = {str(name): _plain(value) for name, value in given.items()} if mapping else _plain(given)
    energies = given_noise(plain, problem.y, {part.name: part.columns for part in problem.parts})
    outputs = {part.name: part.outputs for part in problem.parts}
    return {name: (energy / outputs[name]) ** 0.5 for name, energy in energies.items()}


def _plain(given: Any) -> float | NDArray[np.float64]:
    """A number, or an array with one row for each row of y."""
    try:
        array = np.asarray(given)
        if array.dtype.kind not in "iuf":
            raise ValueError(array.dtype)
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        hint = "noise=0.02, noise={'force': 0.02}, or an array like y"
        raise DtypeError(f"noise={str(given)[:60]}", "standard deviations, as numbers", hint) from None
    if array.ndim == 0:
        return float(array)
    return array.reshape(len(array), -1) if array.ndim == 3 else array


def digest(times: Any) -> str:
    """What settings keep of times."""
    array = np.asarray(times)
    content = repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()
    return hashlib.sha256(content).hexdigest()
