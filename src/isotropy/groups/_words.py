"""What a group does, in plain words, for people who do not read its name."""

from __future__ import annotations

import re

_POWER = re.compile(r"^(.+)\^(\d+)$")
_AXIS = re.compile(r"^(S?O)\((\d+)\) ?@ ?(.+)$")
# What stands between " x " outside of parentheses.
_FACTORS = re.compile(r"((?:\((?:[^()]|\([^()]*\))*\)|(?! x )[^()])+)(?: x |$)")
_SHEAR = re.compile(r"^Shear\(\d+\) ?@ ?(.+?)(?:\.on\(.*)?$")
_WITH_SHIFTS = re.compile(r"^Affine\((.+)\)$")
_NAMED = re.compile(r"^([A-Za-z+]+)\((\w+)(?:, *\w+)?\)(?:\..*)?$")

# Of d dimensions, or of n things.
_WORDS = {
    "SO": "every turn about {every}",
    "O": "every turn about {every}, and mirrors",
    "SE": "every turn and every shift of the origin",
    "E": "every turn, mirror and shift of the origin",
    "T": "every shift of the origin",
    "Inversion": "all directions reversed, x to -x",
    "Scale": "every change of scale, up or down",
    "GL+": "every linear map that keeps the orientation",
    "GL": "every linear map",
    "SL": "every linear map that keeps volumes",
    "Similarity+": "every turn, shift and change of scale",
    "Similarity": "every turn, mirror, shift and change of scale",
    "Lorentz": "turns in space and boosts to another speed",
    "S": "every exchange of {n} things among themselves",
    "A": "every even exchange of {n} things among themselves",
    "C": "turns by multiples of {angle} degrees",
    "D": "turns by multiples of {angle} degrees, and mirrors",
    "U": "every unitary map",
    "Homography": "every change of perspective",
}


def in_words(name: str) -> str:
    """A group in plain words, by its printed name; the name itself where there are no better ones.

    >>> in_words("O(2)@z")
    'every turn about the z axis, and mirrors through it'
    >>> in_words("SO(3) x S(5)")
    'every turn about every axis; every exchange of 5 things among themselves; and both at once'
    >>> in_words("SO(3)^4")
    'of each of 4 parts by itself every turn about every axis'
    """
    factors = _FACTORS.findall(name) if " x " in name else [name]
    if len(factors) > 1:
        together = "both at once" if len(factors) == 2 else "all of them at once"
        return "; ".join([*map(in_words, factors), f"and {together}"])
    if powered := _POWER.match(name):
        return f"of each of {powered[2]} parts by itself {in_words(powered[1])}"
    about = _AXIS.match(name)
    if about:
        axis = f"the {about[3]} axis" if len(about[3]) == 1 else f"the axis {about[3]}"
        return f"every turn about {axis}" + (", and mirrors through it" if about[1] == "O" else "")
    if sheared := _SHEAR.match(name):
        return f"every shear along {sheared[1]}"
    if shifted := _WITH_SHIFTS.match(name):
        return f"{in_words(shifted[1])}, and every shift of the origin"
    known = _NAMED.match(name)
    if known is None or known[1] not in _WORDS:
        return name
    size = known[2]
    angle = f"{360 / int(size):g}" if size.isdigit() and int(size) else "any number of"
    return _WORDS[known[1]].format(every="the centre" if size == "2" else "every axis", n=size, angle=angle)
