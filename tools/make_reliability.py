"""Makes the list of tests at the end of ``docs/reliability.md`` from the marks of the tests.

A test of row 7 has the mark ``@pytest.mark.row(7)``; a class that has it gives it to its tests. A test whose
parameters are the entries of a dict, which names a row each, has ``@pytest.mark.row(*rows(DICT))``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
HEADING = "## Tests of each row\n"
INTRODUCTION = """
A test names its rows by the mark `row`; `python tools/make_pages.py` makes this list from the marks.
`pytest -k test_name` runs one of them.
"""


def rows_of_page() -> list[int]:
    """Returns the numbers of the rows of the page, in its order."""
    written = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
    return [int(row) for row in re.findall(r"^\| (\d+) \|", written, flags=re.M)]


def tests_of_rows() -> dict[int, dict[str, list[str]]]:
    """Returns the tests of each row: the names of its functions, by file."""
    found: dict[int, dict[str, list[str]]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for rows, name in _marked(tree, _keys_of_dicts(tree)):
            for row in rows:
                names = found.setdefault(row, {}).setdefault(path.relative_to(ROOT).as_posix(), [])
                if name not in names:
                    names.append(name)
    return dict(sorted(found.items()))


def _keys_of_dicts(tree: ast.Module) -> dict[str, list[str]]:
    return {
        target.id: [key.value for key in node.value.keys if isinstance(key, ast.Constant)]
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _marked(
    tree: ast.Module | ast.ClassDef, dicts: dict[str, list[str]], given: frozenset[int] = frozenset()
) -> Iterator[tuple[list[int], str]]:
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            own = given.union(*(_rows(decorator, dicts) for decorator in node.decorator_list))
            if isinstance(node, ast.ClassDef):
                yield from _marked(node, dicts, own)
            elif node.name.startswith("test_"):
                yield sorted(own), node.name


def _rows(decorator: ast.expr, dicts: dict[str, list[str]]) -> set[int]:
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) != "pytest.mark.row":
        return set()
    rows: set[int] = set()
    for argument in decorator.args:
        if isinstance(argument, ast.Starred):  # *rows(DICT)
            name = ast.unparse(argument.value).removeprefix("rows(").removesuffix(")")
            rows |= {int(re.match(r"\d+", key)[0]) for key in dicts[name]}  # type: ignore[index]
        else:
            rows.add(int(ast.literal_eval(argument)))
    return rows


def page() -> str:
    """Returns the page: what is written by hand, and the list of tests."""
    written = PAGE.read_text(encoding="utf-8").partition(HEADING)[0].rstrip("\n")
    lines = ["| row | tests |", "|---|---|"]
    for row, files in tests_of_rows().items():
        shown = (f"{path}: " + ", ".join(f"`{name}`" for name in names) for path, names in files.items())
        lines.append(f"| {row} | {'; '.join(shown)} |")
    return f"{written}\n\n{HEADING}{INTRODUCTION}\n" + "\n".join(lines) + "\n"
