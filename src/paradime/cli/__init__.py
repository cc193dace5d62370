"""The command ``paradime``: fits models to tables in files, and writes embeddings, pages and metrics.

Each command imports its requirements when it runs, so that help appears at once.

Example:
    >>> main(["--version"]) == 0
    paradime ...
    True
"""

from paradime.cli.app import main

__all__ = ["main"]
