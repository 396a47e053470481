"""Equations and Lagrangians with the dimensions that the literature gives their symmetry algebras.

Sources are recalled: pages and numbers of examples were not looked up again.
"""

from __future__ import annotations

from typing import NamedTuple

from isotropy.physics import Ansatz

LINEAR = Ansatz(2, phi="linear")
BASE = Ansatz(2, phi="linear", xi="base")


class Case(NamedTuple):
    """An equation, a system or a Lagrangian; its dimension and source; the same with a term that breaks symmetries."""

    text: str
    dim: int
    source: str
    perturbed: str
    ansatz: int | Ansatz = 2


OLVER = "Olver, Applications of Lie Groups to Differential Equations (1993)"
CRC = "Ibragimov (ed.), CRC Handbook of Lie Group Analysis of Differential Equations 1 (1994)"
KEPLER = "x_tt = -{}*x/(x^2+y^2)^(3/2); y_tt = -y/(x^2+y^2)^(3/2)"

TABLE = [
    Case("q'' = 0", 8, f"Lie 1883; {OLVER}, sl(3, R)", "q'' = q^3/100"),
    Case("q'' = q^(-3)", 3, "Ermakov; Leach, J. Math. Phys. 22 (1981), so(2, 1)", "q'' = q^(-3) + q^2/100"),
    Case(KEPLER.format("1"), 3, "Prince, Eliezer, J. Phys. A 14 (1981)", KEPLER.format("1.01")),
    Case("u_t + u*u_x + u_xxx = 0", 4, f"{OLVER}, example 2.44", "u_t + u*u_x + u_xxx + u^3/100 = 0"),
    Case("u_t + u*u_x = u_xx", 5, f"{CRC}", "u_t + u*u_x = u_xx + u^2/100"),
    Case("u_t = u_xx", 6, f"{OLVER}, example 2.41", "u_t = u_xx + x^3*u/100", LINEAR),
]

ACTIONS = [
    Case("q'^2/2", 5, "Mahomed, Kara, Leach, J. Math. Anal. Appl. 178 (1993)", "q'^2/2 + q^4/100"),
    Case("q'^2/2 - 1/(2*q^2)", 3, "Leach, J. Math. Phys. 22 (1981), so(2, 1)", "q'^2/2 - 1/(2*q^2) + q^3/100"),
    Case(
        "(x_t^2 + y_t^2)/2 + 1/sqrt(x^2 + y^2)", 2, f"{OLVER}, section 4.4", "(x_t^2 + 1.01*y_t^2)/2 + 1/sqrt(x^2+y^2)"
    ),
    Case("u_t^2/2 - u_x^2/2 - u^2/2", 3, f"{OLVER}: Poincare", "u_t^2/2 - u_x^2/2 - u^2/2 - x*u^2/100", LINEAR),
    Case(
        "(u_t^2 - u_x^2 - u_y^2)/2", 10, f"{OLVER}, example 4.15: so(3, 2)", "(u_t^2 - u_x^2 - u_y^2)/2 - u^2/100", BASE
    ),
    Case(
        "(u_t^2 - u_x^2 - u_y^2 - u_z^2)/2 - u^4/4",
        15,
        f"{CRC}: so(4, 2)",
        "(u_t^2 - u_x^2 - u_y^2 - u_z^2)/2 - u^4/4 - u^2/100",
        BASE,
    ),
    # Of second order, or with the time written out.
    Case("q_tt^2/2", 7, "Gonzalez-Gascon, Gonzalez-Lopez, J. Math. Phys. 24 (1983)", "q_tt^2/2 + q^3/100", 3),
    Case(
        "exp(t)*q_t^2/2",
        5,
        "Mahomed, Kara, Leach (1993): q'' = -q' is the free particle in another time",
        "exp(t)*(q_t^2/2 + q^4/100)",
        Ansatz(2, basis=("exp(t)", "exp(-t)")),
    ),
    Case("t^2*(q_t^2/2 - q^6/6)", 1, "Logan, Invariant Variational Principles (1977): Emden", "t^2*(q_t^2/2 - q^5/5)"),
]

DYM = "u_t = u^3*u_xxx"
MORE = [
    Case("y_xxx = 0", 7, f"Lie; {CRC}", "y_xxx = y^2/100"),
    Case("y_xxx = -y*y_xx", 2, f"{CRC}: Blasius", "y_xxx = -y*y_xx + y/100"),
    Case(
        "y_xxx = 2*y*y_xx - 3*y_x^2",
        3,
        "Clarkson, Olver, J. Diff. Eq. 124 (1996): Chazy, sl(2)",
        "y_xxx = 2*y*y_xx - 3.03*y_x^2",
    ),
    Case("y_xx = y^2", 2, f"{CRC}: Emden-Fowler", "y_xx = y^2 + y^3/100"),
    Case("x_tt = 0; y_tt = 0", 15, "Aminova, Aminov, Sb. Math. 197 (2006): sl(4, R)", "x_tt = y^2/100; y_tt = 0"),
    Case(
        "u_t = -v_xx - (u^2 + v^2)*v; v_t = u_xx + (u^2 + v^2)*u",
        5,
        "Gagnon, Winternitz, J. Phys. A 21 (1988): cubic Schroedinger equation",
        "u_t = -v_xx - (u^2 + v^2)*v; v_t = 1.01*u_xx + (u^2 + v^2)*u",
    ),
    Case(
        "u_t = u^(-4/3)*u_xx - 4/3*u^(-7/3)*u_x^2",
        5,
        "Ovsiannikov, Dokl. Akad. Nauk SSSR 125 (1959)",
        "u_t = u^(-4/3)*u_xx - 1.35*u^(-7/3)*u_x^2",
    ),
    Case("u_t = u*u_xx + u_x^2", 4, "Ovsiannikov (1959)", "u_t = u*u_xx + u_x^2 + u^3/100 + u^2/10"),
    Case("u_t = u_xx + exp(u)", 3, "Dorodnitsyn, USSR Comput. Math. 22 (1982)", "u_t = u_xx + exp(u) + u/100"),
    Case("u_t = u_xx + u*(1 - u)", 2, "Dorodnitsyn (1982): Fisher", "u_t = u_xx + u*(1 - u) + x*u/100"),
    Case("u_tx = sin(u)", 3, f"{CRC}: sine-Gordon", "u_tx = sin(u) + u_x/100"),
    Case("u_tx = exp(u)", 6, f"{CRC}: Liouville, sl(2) + sl(2) at degree 2", "u_tx = exp(u) + u/100"),
    Case("u_t + u^2*u_x + u_xxx = 0", 3, f"{OLVER}", "u_t + u^2*u_x + u_xxx + u/100 = 0"),
    Case("v_t + v_x^2 + v_xxx = 0", 5, f"{CRC}: potential KdV", "v_t + v_x^2 + v_xxx + v/100 = 0"),
    Case(
        "u_tt + u*u_xx + u_x^2 + u_xxxx = 0",
        3,
        "Nishitani, Tajiri, Phys. Lett. A 89 (1982): Boussinesq",
        "u_tt + u*u_xx + u_x^2 + u_xxxx + u^2/100 = 0",  # u^3 has the weight of the other terms
    ),
    Case(DYM, 5, f"{CRC}: Harry Dym", f"{DYM} + u_x*u/100"),
    Case(
        "u_tt = u*u_xx + u_x^2",
        4,
        "Ames, Lohner, Adams, Int. J. Non-Linear Mech. 16 (1981)",
        "u_tt = u*u_xx + u_x^2 + u/100",
    ),
    Case("u_tt = u_xx - u^3", 4, f"{CRC}", "u_tt = u_xx - u^3 - u/100"),
    Case("u_t = u_xxx", 4, f"{CRC}", "u_t = u_xxx + x*u/100", LINEAR),
    Case(
        "u_t + u*u_x + u_xx + u_xxxx = 0",
        3,
        f"{CRC}: Kuramoto-Sivashinsky",
        "u_t + u*u_x + u_xx + u_xxxx + u^2/100 = 0",
    ),
    Case("u_t + u_x + u*u_x - u_txx = 0", 3, f"{CRC}: BBM", "u_t + u_x + u*u_x - u_txx + u^2/100 = 0"),
    Case(
        "u_t - u_txx + 3*u*u_x = 2*u_x*u_xx + u*u_xxx",
        3,
        "Clarkson, Mansfield, Priestley (1997): Camassa-Holm",
        "u_t - u_txx + 3*u*u_x = 2*u_x*u_xx + u*u_xxx + u/100",
    ),
    Case("u_t + u*u_x + u_xxx + u_xyy = 0", 5, "Zakharov-Kuznetsov", "u_t + u*u_x + u_xxx + 1.01*u_xyy + u^2/100 = 0"),
]
