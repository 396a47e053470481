"""``isotropy federate``: the files of many sites in, one classifier and a line for each site out."""

from pathlib import Path
from typing import Annotated

import typer

from isotropy.cli._app import app
from isotropy.cli._options import Out, Resume, Seed, check_run, examples, tell


@app.command(
    short_help="One classifier from sites that keep their rows.",
    epilog=examples("isotropy federate sites.yaml --out runs/f", "isotropy federate sites.yaml --out runs/f --resume"),
)
def federate(
    config: Annotated[
        Path, typer.Argument(help="A YAML file with clients (name, features: an .npz of x and y) and classes.")
    ],
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
    engine: Annotated[
        str, typer.Option(help="local: all in this process; flower: rounds on Flower (extra [federated]).")
    ] = "local",
) -> None:
    """One classifier for all sites: they share numbers, means and covariances of their classes, and weights, no rows.

    The file says what may leave a site (min_count, privacy) and how classes are filled up (augment). Paths are
    relative to the file. Minutes for thousands of rows.
    """
    check_run(out, resume)
    from isotropy.federation import federate_files

    found = federate_files(config, seed=seed, out=out, resume=resume, engine=engine)
    tell(found, out)
