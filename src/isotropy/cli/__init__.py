"""What people type: commands that parse, call and print; everything they do can be done in Python."""

from isotropy.cli import _audit, _bench, _datasets, _frames, _graphs, _questions, _reproduce, _schema, _symmetries  # noqa: F401  # pyright: ignore[reportUnusedImport]
from isotropy.cli._app import app as app
from isotropy.cli._app import main as main
