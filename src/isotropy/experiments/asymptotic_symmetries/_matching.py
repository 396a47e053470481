"""E5: matching of past and future, and how far a cone turns it from the antipode."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.experiments.asymptotic_symmetries._functions import apart, constants, elements, smooth
from isotropy.groups.parts import values
from isotropy.physics import BMS3, Aspects, NumericMetric, match_past_future
from isotropy.physics.bms3 import antipodal
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import Outcome, job


@job
def matching_job(run: Run, *, seed: int, samples: int, count: int) -> Outcome:
    """Charges at both ends for random (T, Y) on random aspects, and whether matching commutes with the group."""
    draw, group = spawn(seed, "functions"), BMS3(modes=samples)
    past = Aspects(smooth(count, samples, 0.3, draw) - 0.5, smooth(count, samples, 0.3, draw) + 0.2)
    T, Y = smooth(count, samples, 1.0, draw), smooth(count, samples, 1.0, draw)
    future, g = match_past_future(past), elements(group, count, draw)
    kept = future.charge(antipodal(T), antipodal(Y)) - past.charge(T, Y)
    unturned = future.charge(T, Y) - past.charge(T, Y)
    return {
        "charges": float(kept.abs().max()),
        "without the antipode": float(unturned.abs().max()),
        "equivariance": apart(match_past_future(past.pullback(g)), future.pullback(antipodal(g))),
    }


def geodesic(theta: float, reach: float) -> Float[Tensor, "n 3"]:
    """The points (u, r, phi) of a free null line that passes the origin of the cone at distance 1.

    Both ends are at r = ``reach``. The line starts at its point next to the origin, where the radial velocity is 0, and
    is followed in both directions by the geodesic equation with Christoffel symbols at each point.
    """
    from scipy.integrate import solve_ivp

    follow: Any = solve_ivp
    aspects = constants(theta, 0.0, 1, 8)[0]
    engine = NumericMetric(lambda point: aspects.metric(point[0], point[1], point[2]))

    def motion(_: float, state: Any) -> Any:
        now = torch.as_tensor(state, dtype=torch.float64)
        gamma = engine.christoffel(now[None, :3])[0]
        return torch.cat([now[3:], -torch.einsum("abc,b,c->a", gamma, now[3:], now[3:])]).numpy()

    # Null with r' = 0: Theta u'^2 + phi'^2 = 0 at r = 1.
    start = [0.0, 1.0, 0.0, 1 / math.sqrt(-theta), 0.0, 1.0]
    paths: list[Tensor] = []
    for sign in (-1.0, 1.0):
        end = follow(motion, (0.0, sign * reach), start, method="DOP853", rtol=1e-9, atol=1e-9)
        path = torch.as_tensor(end.y[:3].T.copy())
        paths.append(path.flip(0) if sign < 0 else path[1:])
    return torch.cat(paths)


@job
def cone_job(run: Run, *, seed: int, theta: float, reach: float, samples: int) -> Outcome:
    """The angle between the ends of a null line, less the antipode's pi, and what that does to matching.

    With the antipode a cosine of the past comes out at the end of the line turned by the deflection: the largest gap
    between aspects carried along lines and the antipodal ones, for one with amplitude 1.
    """
    path = geodesic(theta, reach)
    turned = float(path[-1, 2] - path[0, 2])
    past = Aspects.from_function(lambda phi: phi.cos(), lambda phi: 0.0, samples)
    along = values(past.theta, past.phi - turned)
    return {
        "deflection": turned - math.pi,
        "formula": math.pi / math.sqrt(-theta) - math.pi,
        "from antipodal": float((along - match_past_future(past).theta).abs().max()),
        "last": float(path[-1, 1]),
    }
