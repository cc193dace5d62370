import logging
import re
import subprocess
import sys

import pytest

from paradime.utils import logging as paradime_logging
from paradime.utils.logging import log, report, set_logfile, verbosely

LINE = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: %s$"
part = logging.getLogger("paradime.test_part")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Each test starts with a logger that nobody has set up."""
    logger = logging.getLogger("paradime")
    state = logger.handlers[:], logger.level
    logger.handlers[:], logger.level = [], logging.NOTSET
    logger.manager._clear_cache()
    monkeypatch.setattr(paradime_logging, "_stdout_pending", True)
    yield logger
    for handler in logger.handlers:
        handler.close()
    logger.handlers[:] = state[0]
    logger.setLevel(state[1])


def test_import_sets_up_no_handler():
    code = (
        "import logging, paradime; print(len(logging.getLogger('paradime').handlers), len(logging.root.handlers))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]


def test_message_is_printed_after_the_time(capsys):
    log("Ten rows left out.")
    assert re.search(LINE % r"Ten rows left out\.", capsys.readouterr().out)


def test_message_is_printed_once_however_often_one_logs(capsys):
    log("one")
    log("two")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_reports_are_silent_unless_the_part_or_the_routine_around_it_is_verbose(capsys):
    report(part, "silent")
    with verbosely(False):
        report(part, "silent")
    assert capsys.readouterr().out == ""
    report(part, "of the part", verbose=True)
    with verbosely(True), verbosely(False):
        report(part, "of the routine")
    report(part, "silent")
    shown = capsys.readouterr().out
    assert [line.split(": ")[-1] for line in shown.splitlines()] == ["of the part", "of the routine"]


def test_reports_that_are_not_shown_can_be_seen_at_debug_level(caplog):
    with caplog.at_level(logging.DEBUG, logger="paradime"):
        report(part, "step")
    assert [(r.levelname, r.message) for r in caplog.records] == [("DEBUG", "step")]


def test_verbosity_ends_with_the_block_also_after_an_error(capsys):
    with pytest.raises(RuntimeError, match="stop"), verbosely(True):
        raise RuntimeError("stop")
    report(part, "silent")
    assert capsys.readouterr().out == ""


def test_log_file_gets_the_messages_too(tmp_path, capsys):
    set_logfile(tmp_path / "run.log")
    log("to both")
    assert re.search(LINE % "to both", (tmp_path / "run.log").read_text())
    assert "to both" in capsys.readouterr().out


def test_log_file_is_appended_to_or_overwritten(tmp_path):
    path = tmp_path / "run.log"
    path.write_text("before\n")
    set_logfile(path)
    log("after")
    assert path.read_text().startswith("before\n")
    set_logfile(path, mode="w", disable_other_files=True)
    log("new")
    assert "before" not in path.read_text()
    assert "new" in path.read_text()


def test_standard_output_can_be_turned_off_and_on_again(tmp_path, capsys):
    log("shown")
    set_logfile(tmp_path / "a.log", disable_stdout=True)
    log("file only")
    assert "file only" not in capsys.readouterr().out
    assert "file only" in (tmp_path / "a.log").read_text()
    set_logfile(tmp_path / "b.log")
    log("both again")
    assert "both again" in capsys.readouterr().out


def test_other_files_can_be_left(tmp_path):
    set_logfile(tmp_path / "a.log")
    set_logfile(tmp_path / "b.log")
    log("both")
    set_logfile(tmp_path / "c.log", disable_other_files=True)
    log("last")
    texts = [(tmp_path / f"{name}.log").read_text() for name in "abc"]
    assert ["both" in text for text in texts] == [True, True, False]
    assert ["last" in text for text in texts] == [False, False, True]


def test_mode_that_is_unknown_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"mode must be 'a' \(append\) or 'w' \(overwrite\), got 'x'"):
        set_logfile(tmp_path / "run.log", mode="x")


def test_file_that_cannot_be_written_changes_nothing(tmp_path, fresh, capsys):
    log("shown")
    with pytest.raises(OSError, match=r"missing"):
        set_logfile(tmp_path / "missing" / "run.log", disable_stdout=True)
    log("still shown")
    assert "still shown" in capsys.readouterr().out
    assert len(fresh.handlers) == 1
