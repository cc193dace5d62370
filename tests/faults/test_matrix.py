"""The page of faults and the tests have the same rows."""

import runpy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
ROWS = runpy.run_path(str(ROOT / "tools" / "make_reliability.py"))


def test_rows_are_numbered_in_order():
    rows = ROWS["rows_of_page"]()
    assert rows == list(range(1, len(rows) + 1))


def test_each_row_has_a_test_and_each_test_a_row():
    assert list(ROWS["tests_of_rows"]()) == ROWS["rows_of_page"]()


@pytest.mark.row(61)
def test_the_page_lists_the_tests_of_each_row(request):
    listed = ROWS["tests_of_rows"]()[61]["tests/faults/test_matrix.py"]
    assert request.node.name in listed
    assert f"`{request.node.name}`" in ROWS["PAGE"].read_text(encoding="utf-8").split(ROWS["HEADING"])[1]


def test_marks_are_read_as_pytest_reads_them(request):
    # of the tests that are collected in this run: no mark has another effect than the list says
    listed = ROWS["tests_of_rows"]()
    for item in request.session.items:
        path = Path(item.path)
        if path.is_relative_to(ROOT / "tests") and hasattr(item, "originalname"):
            rows = {row for mark in item.iter_markers("row") for row in mark.args}
            name = path.relative_to(ROOT).as_posix()
            for row in rows:
                assert item.originalname in listed[row][name]


@pytest.mark.row(61)
def test_the_suite_runs_with_the_core_dependencies_alone():
    workflow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "tests.yml")
    jobs = workflow["jobs"]["matrix"]["strategy"]["matrix"]["include"]
    core = [job["install"] for job in jobs if job["name"] == "core dependencies"]
    assert core
    assert all(install.split()[0] == "." for install in core)
