"""What people type: commands that parse, call and print; everything they do can be done in Python."""

# Each registers its commands.
from isotropy.cli import _audit as _audit
from isotropy.cli import _bench as _bench
from isotropy.cli import _control as _control
from isotropy.cli import _datasets as _datasets
from isotropy.cli import _federate as _federate
from isotropy.cli import _forcefield as _forcefield
from isotropy.cli import _frames as _frames
from isotropy.cli import _graphs as _graphs
from isotropy.cli import _questions as _questions
from isotropy.cli import _reproduce as _reproduce
from isotropy.cli import _schema as _schema
from isotropy.cli import _symmetries as _symmetries
from isotropy.cli._app import app as app
from isotropy.cli._app import main as main
