"""Finds Chromium or Chrome for the tests of the explorer's page; installs Debian's where there is none.

    python tools/browser.py

Debian's ``apt-get`` is used if it may be: by root, or by ``sudo`` without a password. Elsewhere one line
says what to install.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
REMEDY = "Install Chromium or Chrome (Debian: apt-get install chromium) to run the browser tests."
SECONDS = 300  # for each command of apt-get


def runs(executable: str) -> bool:
    """Returns whether an executable is a browser; Ubuntu's chromium-browser may only print what to install."""
    try:
        return (
            subprocess.run([executable, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_browser() -> str | None:
    """Returns the path of Chromium or Chrome, or None where there is none."""
    candidates = [*filter(None, map(shutil.which, NAMES)), *filter(os.path.exists, PATHS)]
    return next(filter(runs, candidates), None)


def privileges() -> list[str] | None:
    """Returns what to put before a command that root runs, or None where this is not allowed."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def install_browser() -> str | None:
    """Installs Debian's Chromium. Returns None, or why it could not be done."""
    if not shutil.which("apt-get"):
        return "no Chromium or Chrome was found, and there is no apt-get"
    prefix = privileges()
    if prefix is None:
        return "no Chromium or Chrome was found, and apt-get needs root"
    print("Installing chromium for the browser tests ...", flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        try:
            # apt-get asks nothing then, and cannot wait for an answer
            done = subprocess.run(
                [*apt, *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"apt-get {command[0]} took longer than {SECONDS} s"
        # a repository that cannot be reached need not be the one that has it
        if done.returncode != 0 and command[0] == "install":
            return f"apt-get install failed ({(done.stderr.strip() or 'no message').splitlines()[-1]})"
    return None if find_browser() else "the chromium that apt-get installed does not run"


def main() -> None:
    """Finds a browser, or installs one."""
    reason = None if find_browser() else install_browser()
    if reason:
        print(f"Browser tests are skipped: {reason}. {REMEDY}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
