"""A formula in, all its symmetries out, those of the action each with its conserved current and a proof of it.

python examples/symmetries_of_a_formula.py
"""

from isotropy.physics import noether_current, point_symmetries, variational_symmetries

KEPLER = "(x_t^2 + y_t^2)/2 + 1/sqrt(x^2 + y^2)"
equations = point_symmetries("x_tt = -x/(x^2 + y^2)^(3/2); y_tt = -y/(x^2 + y^2)^(3/2)", ansatz=1)
action = variational_symmetries(KEPLER, ansatz=1)
print(f"planets of one sun: {equations.dim} symmetries of the equations, {action.dim} of the action")
for field in action.realisation:
    current = noether_current(KEPLER, field)
    print(f"  {field}  conserves  {current.P['t']}  (proved: {current.certificate})")

heat = point_symmetries("u_t = u_xx + u**2")
print(f"u_t = u_xx + u^2: {', '.join(map(str, heat.realisation))}. {heat.note}")
