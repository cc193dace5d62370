"""The Python blocks of pages, for tests that run them.

A page has plain blocks, or it is a notebook of the site: then its cells are what ``make docs`` runs, and plain
blocks show code that does not run as it stands.
"""

from __future__ import annotations

import re

__all__ = ["is_notebook", "python_blocks"]

_BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.S | re.M)
# options of a cell stand at its beginning, such as :tags: [hide-input]
_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*(.*?)^```$", flags=re.S | re.M)


def is_notebook(text: str) -> bool:
    """Returns whether a page is a notebook in MyST Markdown."""
    return text.startswith("---\nfile_format: mystnb\n")


def python_blocks(text: str) -> list[str]:
    """Returns the code of a page that runs, block by block.

    Example:
        >>> python_blocks("One:\\n```python\\nx = 1\\n```\\n")
        ['x = 1\\n']
    """
    return (_CELL if is_notebook(text) else _BLOCK).findall(text)
