"""The command line: each verb reads its options, calls one function, prints, and sets the exit code.

In: what is typed. Out: what is printed, and an exit code. Read app.py (the program), parameters.py (what verbs share),
output.py (printing), then the verbs, which `rfcalc -h` lists in the order of the imports below: networks.py,
proving.py, drawings.py, documents.py, searching.py, training.py. The annotations of verbs are values, not texts (no
`from __future__ import annotations`): typer would compile each text, which took a twentieth of a table's time.
"""

import sys

from ..errors import RfcalcError
from .app import app

from . import networks, proving, drawings, documents, searching, training  # isort: skip

__all__ = ["app", "documents", "drawings", "main", "networks", "proving", "searching", "training"]


def main() -> None:
    """Runs the command line; a user's mistake is one message on standard error and exit code 2."""
    try:
        app()
    except RfcalcError as error:
        sys.stderr.write(f"rfcalc: {error}\n")
        sys.exit(2)
