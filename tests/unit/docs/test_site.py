"""The site has a place for every page and every public module, and notebooks are read as what they are."""

import inspect
import re
from pathlib import Path

import pytest

import paradime
from pages import is_notebook, python_blocks

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def toctrees():
    """Yields the names in tables of contents, as paths relative to docs."""
    for page in (*PAGES, DOCS / "api" / "index.md"):
        for block in re.findall(
            r"^```\{toctree\}\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.S | re.M
        ):
            lines = (line for line in block.split("\n") if line and not line.startswith(":"))
            yield from (re.sub(r".* <(\w+)>", r"\1", line) for line in lines)


def test_every_page_has_a_place_in_the_contents():
    listed = set(toctrees())
    assert {page.stem for page in PAGES} - listed == {"index"}
    assert {name for name in listed if not (DOCS / f"{name}.md").exists()} == set()


def test_every_public_module_has_a_page_in_the_reference():
    listed = re.findall(
        r"^   (paradime\.\w+)$", (DOCS / "api" / "index.md").read_text(encoding="utf-8"), flags=re.M
    )
    public = {getattr(paradime, name) for name in paradime.__all__}
    modules = {module.__name__ for module in public if inspect.ismodule(module)}
    assert modules - set(listed) == {"paradime.utils"}
    assert set(listed) - modules == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_with_cells_are_notebooks(page):
    text = page.read_text(encoding="utf-8")
    assert ("```{code-cell}" in text) == is_notebook(text)


def test_blocks_are_cells_in_notebooks_and_plain_elsewhere():
    plain = "```python\nx = 1\n```\n"
    cell = "```{code-cell} ipython3\n:tags: [hide-input]\n\ny = 2\n```\n"
    assert python_blocks(plain + cell) == ["x = 1\n"]
    assert python_blocks(f"---\nfile_format: mystnb\n---\n{plain}{cell}") == ["\ny = 2\n"]
