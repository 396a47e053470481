"""What people type: commands that parse, call and print; everything they do can be done in Python."""

from isotropy.cli import (  # noqa: F401  # pyright: ignore[reportUnusedImport]
    _audit,
    _bench,
    _datasets,
    _federate,
    _frames,
    _graphs,
    _questions,
    _reproduce,
    _schema,
    _symmetries,
)
from isotropy.cli._app import app as app
from isotropy.cli._app import main as main
