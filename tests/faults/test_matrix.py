"""The page of faults and the tests have the same rows."""

import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
# a test of a row says so in a comment at its head: "# row 7", "# rows 42 and 44"
MARK = re.compile(r"^[^#\n]*(?:def test_\w+|\):|parametrize).*# rows? (\d+(?:(?:, | and )\d+)*)\b", flags=re.M)


def rows_of_page():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    return [int(row) for row in re.findall(r"^\| (\d+) \|", page, flags=re.M)]


def rows_of_tests():
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for rows in MARK.findall(path.read_text(encoding="utf-8")):
            found |= {int(row) for row in re.findall(r"\d+", rows)}
    return found


def test_rows_are_numbered_in_order():
    rows = rows_of_page()
    assert rows == list(range(1, len(rows) + 1))


def test_each_row_has_a_test_and_each_test_a_row():
    assert sorted(rows_of_tests()) == rows_of_page()


def test_the_suite_runs_with_the_core_dependencies_alone():  # row 61
    workflow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "tests.yml")
    jobs = workflow["jobs"]["matrix"]["strategy"]["matrix"]["include"]
    core = [job["install"] for job in jobs if job["name"] == "core dependencies"]
    assert core
    assert all(install.split()[0] == "." for install in core)
