"""What stands beside the code, for those who carry it on, agrees with it."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import paradime

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read_yaml(name):
    return YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))


def smallest_versions():
    extras = {
        name: needs
        for name, needs in PROJECT["optional-dependencies"].items()
        if name not in ("all", "dev", "docs")
    }
    for requirement in [*PROJECT["dependencies"], *(need for needs in extras.values() for need in needs)]:
        yield re.match(r"([\w.-]+)>=([\d.]+)", requirement).groups()


def test_minimal_constraints_are_the_smallest_versions_of_the_ranges():
    lines = (ROOT / "constraints-minimal.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert pins == dict(smallest_versions())
    assert list(pins) == sorted(pins, key=str.lower)


def test_versions_that_the_suite_runs_with_are_within_the_ranges():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))

    def numbers(version):
        return [int(part) for part in version.split(".")]

    assert {name: pins[name] for name, least in smallest_versions() if numbers(pins[name]) < numbers(least)} == {}


def test_hooks_run_what_make_lint_runs():
    hooks = {
        hook["id"]: hook["entry"]
        for repo in read_yaml(".pre-commit-config.yaml")["repos"]
        for hook in repo["hooks"]
    }
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)[1]
    linted = {line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()}
    # hooks are handed the files, and may mend them
    linted = {line.removesuffix(" .").removesuffix(" --check") for line in linted}
    assert linted == {entry for entry in hooks.values() if entry.startswith(".venv/")}


def test_workflow_covers_each_python_the_smallest_versions_and_the_core_alone():
    jobs = read_yaml(".github/workflows/tests.yml")["jobs"]
    matrix = jobs["matrix"]["strategy"]["matrix"]["include"]
    pythons = {entry["python"] for entry in matrix}
    assert f">={min(pythons)}" == PROJECT["requires-python"]
    assert pythons == {"3.11", "3.12", "3.13"}
    assert {entry["name"] for entry in matrix} == {"all extras", "smallest versions", "core dependencies"}
    assert [step["run"] for step in jobs["whole"]["steps"] if "run" in step] == [".ci/run"]
    for entry in matrix:
        words = shlex.split(entry["install"])
        assert ("constraints-minimal.txt" in words) == (entry["name"] == "smallest versions")
        assert (".[all,dev]" in words) != (entry["name"] == "core dependencies")


def test_workflow_audits_the_dependencies_and_runs_the_long_checks():
    jobs = read_yaml(".github/workflows/tests.yml")["jobs"]
    commands = [step["run"] for step in jobs["audit"]["steps"] if "run" in step]
    assert any("pip_audit" in command and "constraints.txt" in command for command in commands)
    scripts = [command.split()[0] for command in jobs["long"]["strategy"]["matrix"]["command"]]
    assert scripts == ["fuzz_data.py", "fuzz_files.py", "soak.py"]
    assert [script for script in scripts if not (ROOT / "tools" / script).exists()] == []


def test_citation_names_this_version_and_the_paper():
    citation = read_yaml("CITATION.cff")
    assert citation["version"] == paradime.__version__
    assert citation["license"] == PROJECT["license"]
    (paper,) = citation["references"]
    assert paper["doi"] == "10.1111/cgf.14834"
    assert paper["title"] in (ROOT / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    assert all(
        author["family-names"] in (ROOT / "README.md").read_text(encoding="utf-8") for author in paper["authors"]
    )


@pytest.mark.parametrize("page", ["RELEASING.md", "CONTRIBUTING.md"])
def test_commands_of_a_page_call_scripts_and_targets_that_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    assert set(re.findall(r"\bmake ([a-z]+)\b(?=[\s`]*(?:$|#|OPTIONS|`))", text, flags=re.M)) <= set(targets)
    scripts = re.findall(r"\b((?:tools|tests)/[\w/]+\.py)\b", text)
    assert scripts
    assert [script for script in scripts if "NAME" not in script and not (ROOT / script).exists()] == []
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if not (ROOT / link).exists()] == []
