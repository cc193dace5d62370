"""The script that finds or installs a browser, with programs that only play their parts."""

import runpy
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[3] / "tools" / "browser.py"


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The script's names, where only the folder ``bin`` has programs, and no other places are looked at."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    names = runpy.run_path(str(TOOL))
    monkeypatch.setitem(names["find_browser"].__globals__, "PATHS", (str(tmp_path / "Applications" / "Chrome"),))
    return names


def program(path, script):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_first_browser_that_runs_is_found(tool, tmp_path):
    assert tool["find_browser"]() is None
    program(tmp_path / "bin" / "chromium-browser", "echo requires the snap; exit 1")
    assert tool["find_browser"]() is None
    elsewhere = program(tmp_path / "Applications" / "Chrome", "exit 0")
    assert tool["find_browser"]() == elsewhere
    on_path = program(tmp_path / "bin" / "google-chrome", "exit 0")
    assert tool["find_browser"]() == on_path


def test_chromium_is_installed_where_apt_get_may_be_used(tool, tmp_path, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    chromium, calls = tmp_path / "bin" / "chromium", tmp_path / "calls"
    program(tmp_path / "bin" / "env", 'shift; exec "$@"')
    program(
        tmp_path / "bin" / "apt-get",
        f'echo "$@" >> {calls}\n'
        f'case "$*" in *install*) echo "#!/bin/sh" > {chromium}; /bin/chmod +x {chromium};; esac',
    )
    tool["main"]()
    assert tool["find_browser"]() == str(chromium)
    update, install = calls.read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends chromium")


@pytest.mark.parametrize(
    ("root", "script", "reason"),
    [
        (True, None, "there is no apt-get"),
        (False, "exit 0", "apt-get needs root"),
        (True, 'case "$*" in *install*) echo E: no such package >&2; exit 100;; esac', "no such package"),
        (True, "exit 0", "does not run"),
    ],
)
def test_one_line_says_what_to_install_where_it_cannot_be_installed(
    tool, tmp_path, monkeypatch, capsys, root, script, reason
):
    monkeypatch.setattr("os.geteuid", lambda: 0 if root else 1000)
    program(tmp_path / "bin" / "env", 'shift; exec "$@"')
    if script:
        program(tmp_path / "bin" / "apt-get", script)
    tool["main"]()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Browser tests are skipped: ")
    assert reason in last
    assert last.endswith(tool["REMEDY"])
