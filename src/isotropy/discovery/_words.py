"""How exact is exact, in words: what a relative error means."""

ROUNDING = 1e-6
"""Relative errors below are those of single precision."""
UNRELATED = 0.5
"""From here on nothing of the symmetry is left that a user could rely on; 1 is as far apart as unrelated outputs."""


def verdict(error: float) -> str:
    """What to say of a relative error.

    >>> verdict(3e-8), verdict(0.012), verdict(0.97)
    ('exact to rounding', 'approximately (1.2 %)', 'not at all (error 0.97, 1 is unrelated)')
    """
    if error <= ROUNDING:
        return "exact to rounding"
    if error < UNRELATED:
        return f"approximately ({100 * error:.2g} %)"
    return f"not at all (error {error:.2g}, 1 is unrelated)"
