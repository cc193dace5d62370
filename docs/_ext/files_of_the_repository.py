"""Lets pages of the site lead to files of the repository that lie beside ``docs``, and include them.

Pages are read on GitHub, too, where ``../examples`` is a folder. On the site the scripts are one page, and
``CONTRIBUTING.md``, ``CHANGELOG.md`` and ``RELEASING.md`` are pages of it.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "RELEASING.md": "releasing.md",
    "examples": "examples.md",
    "examples/specs": "examples.md",
}


def link_on_site(target: str) -> str:
    """Returns where a link leads on the site; its target is relative to the root of the repository."""
    path, hash_, anchor = target.partition("#")
    path = path.rstrip("/")
    if path in PAGES:
        return PAGES[path] + hash_ + anchor
    if path.startswith("docs/"):
        return path.removeprefix("docs/") + hash_ + anchor
    return f"../{path}{hash_}{anchor}"


def included(match: re.Match[str]) -> str:
    """Returns a file of the repository's root with links that lead where they should from a page in ``docs``."""
    text = (ROOT / match["name"]).read_text(encoding="utf-8")
    return re.sub(r"\]\((?!https?:|#)([^)\s]+)\)", lambda link: f"]({link_on_site(link[1])})", text)


def read_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Replaces what a page includes, and links to what lies beside ``docs``."""
    text = re.sub(r"^```\{include\} \.\./(?P<name>[A-Z]+\.md)\n```$", included, source[0], flags=re.M)
    source[0] = re.sub(r"\]\(\.\./([^)\s]+)\)", lambda link: f"]({link_on_site(link[1])})", text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Is called by Sphinx."""
    app.connect("source-read", read_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
