"""What people type: commands that parse, call and print; everything they do can be done in Python."""

from isotropy.cli import _audit as _audit
from isotropy.cli import _bench as _bench
from isotropy.cli import _compare as _compare
from isotropy.cli import _datasets as _datasets
from isotropy.cli import _discover as _discover
from isotropy.cli import _frames as _frames
from isotropy.cli import _reproduce as _reproduce
from isotropy.cli._app import app, main

__all__ = ["app", "main"]
