"""`lcirc make-lqa` as a program of its own, for tests that kill it."""

from __future__ import annotations

import sys

from lcirc_cli import app
from lcirc_cli.commands.make_lqa import make_lqa

if __name__ == "__main__":
    if "make-lqa" not in dict(app.COMMANDS):
        app.COMMANDS = (*app.COMMANDS, ("make-lqa", make_lqa))
    sys.exit(app.run(["make-lqa", *sys.argv[1:]]))
