"""The command ``paradime``: from tables in files to maps, models, pages and figures.

What a command needs is imported when it runs, so that help appears at once.

Example:
    >>> main(["--version"]) == 0
    paradime ...
    True
"""

from paradime.cli.app import main

__all__ = ["main"]
