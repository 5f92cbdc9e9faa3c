"""`python -m lcirc_cli` is the command `lcirc`."""

from __future__ import annotations

from lcirc_cli.app import main

if __name__ == "__main__":
    main()
