"""The script that runs the tests under several settings."""

import runpy
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[3] / "tools" / "run_settings.py"
TOOL = runpy.run_path(str(FILE), run_name="run_settings")
REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_fine"/>
<testcase classname="tests.test_a" name="test_wrong"><failure message="1 != 2"/></testcase>
<testcase classname="tests.test_a" name="test_wrong"><error message="in the teardown, too"/></testcase>
<testcase classname="tests.test_a" name="test_left_out"><skipped message="no GPU"/></testcase>
</testsuite></testsuites>"""


def test_a_setting_has_its_variables_and_none_of_the_others(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    changed = TOOL["environment_of"]("MKL for SSE4.2")
    assert changed["MKL_ENABLE_INSTRUCTIONS"] == "SSE4_2"
    assert changed["OMP_NUM_THREADS"] == "1"
    assert "OPENBLAS_CORETYPE" not in changed
    assert TOOL["environment_of"]("4 threads")["OMP_NUM_THREADS"] == "4"


def test_settings_have_at_least_five_orders_and_as_many_processes_as_fit():
    commands = [TOOL["command_of"](name, ["-m", "outcome"], Path("r.xml"), n_cores=4) for name in TOOL["SETTINGS"]]
    assert len({command[3] for command in commands}) == len(commands) >= 5
    processes = {name: command[7] for name, command in zip(TOOL["SETTINGS"], commands, strict=True)}
    assert (processes["1 thread"], processes["2 threads"], processes["4 threads"]) == ("4", "2", "1")
    assert all(command[-2:] == ["-m", "outcome"] for command in commands)


def test_table_counts_and_names_what_failed(tmp_path):
    (tmp_path / "r.xml").write_text(REPORT, encoding="utf-8")
    result = TOOL["read"](tmp_path / "r.xml")
    assert (result.skipped, result.failures) == (1, ("tests.test_a::test_wrong",))
    assert TOOL["row_of"]("2 threads", result, 3.2).splitlines()[1] == "    failed: tests.test_a::test_wrong"
    assert TOOL["read"](tmp_path / "none.xml") is None
    assert "without a report" in TOOL["row_of"]("2 threads", None, 0)


def test_an_unknown_setting_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["run_settings.py", "--only", "3 threads"])
    with pytest.raises(SystemExit):
        TOOL["main"]()
    assert "1 thread" in capsys.readouterr().err
