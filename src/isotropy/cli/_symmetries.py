"""``isotropy symmetries``: from an equation or a Lagrangian to every symmetry and every conserved current."""

from dataclasses import replace
from typing import Annotated, Literal

import typer

from isotropy.cli._app import app
from isotropy.cli._options import Out, Resume, check_run, examples, tell
from isotropy.cli._parameters import unseen


@app.command(
    short_help="Which symmetries has this equation, and what does each conserve?",
    epilog=examples(
        'isotropy symmetries "u_t = u_xx + u**2" --out runs/e',
        'isotropy symmetries "(x_t**2 + y_t**2)/2 + 1/sqrt(x**2 + y**2)"',
        "isotropy symmetries --parameters mypackage.models:predict draws.npz",
    ),
)
def symmetries(
    formula: Annotated[
        str,
        typer.Argument(
            help='An equation, several separated by ";", or a Lagrangian, which has no "="; DATA.npz of --parameters.'
        ),
    ],
    independent: Annotated[
        str | None, typer.Option("--independent", help="The variables, e.g. t,x; by default told from derivatives.")
    ] = None,
    dependent: Annotated[
        str | None, typer.Option("--dependent", help="The functions, e.g. u,v; by default what is differentiated.")
    ] = None,
    degree: Annotated[int, typer.Option("--degree", min=0, help="Degree of the coefficients that are tried.")] = 2,
    linear: Annotated[
        bool, typer.Option("--linear", help="For linear equations: components linear in the functions.")
    ] = False,
    basis: Annotated[
        list[str], typer.Option("--basis", help='A further function to try, e.g. "sin(t)"; may be repeated.')
    ] = [],  # noqa: B006  typer copies its defaults
    parameters: Annotated[
        str | None,
        typer.Option(
            "--parameters",
            metavar="MODULE:FUNCTION",
            help="Instead: which directions of its parameters does this model not see? DATA.npz has thetas (K, p).",
        ),
    ] = None,
    out: Out = None,
    resume: Resume = False,
) -> None:
    """Every symmetry of an equation or a Lagrangian in a stated ansatz, and the conserved current of each.

    Derivatives are written u_t, u_xx or q''; powers ^ or **. Formulas are read, never run. Seconds for most.
    """
    check_run(out, resume)
    if parameters is not None:
        unseen(parameters, formula, out, resume)
        return
    from isotropy.physics import Ansatz
    from isotropy.physics import symmetries as ask
    from isotropy.study import answering

    shape: Literal["full", "linear"] = "linear" if linear else "full"
    ansatz = Ansatz(degree, phi=shape, xi="base" if linear else "full", basis=tuple(basis))
    asked = {
        "formula": formula,
        "independent": independent,
        "dependent": dependent,
        "degree": degree,
        "linear": linear,
        "basis": list(basis),
    }
    with answering(out, resume, asked) as answer:
        found = ask(formula, independent=_names(independent), dependent=_names(dependent), ansatz=ansatz)
        found = answer.write(replace(found, **answer.stamp()))
    tell(found, out)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]
