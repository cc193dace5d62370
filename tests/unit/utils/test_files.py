import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from paradime.utils import files
from paradime.utils.files import atomic_write


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_there_and_nothing_else(tmp_path):
    with atomic_write(tmp_path / "a.bin") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"new"
    assert names(tmp_path) == ["a.bin"]


def test_readers_see_the_previous_content_until_the_end(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def write_half(path, error):
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_the_previous_file_and_no_other(error, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_names_the_path_and_leaves_the_previous_file(function, tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, function, fail)
    with pytest.raises(OSError, match=r"No space left.*a\.bin") as caught, atomic_write(path) as temporary:
        temporary.write_bytes(b"new")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_folder_that_is_not_there_names_the_path(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"), atomic_write(tmp_path / "nowhere" / "a.bin"):
        pass


def test_permissions_are_those_of_the_file_that_is_replaced(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target.bin", tmp_path / "link.bin"
    target.write_bytes(b"old")
    os.symlink(target, link)
    with atomic_write(link) as temporary:
        temporary.write_bytes(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


WRITER = """
import sys, time
from paradime.utils.files import atomic_write

with atomic_write(sys.argv[1]) as temporary:
    temporary.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(600)
"""


@contextlib.contextmanager
def writing(path):
    """Another process that writes a file, and does not end by itself."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout.readline() == "writing\n"
            yield process
        finally:
            process.kill()


def write(path, content):
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks of files")
def test_what_a_killed_process_has_left_is_removed_by_the_next_call(tmp_path):
    path = tmp_path / "a[1].bin"
    path.write_bytes(b"old")
    others = [".a[1].bin.notes.part", ".b.bin.abcdefgh.part"]
    for name in others:
        (tmp_path / name).write_bytes(b"of the user")
    with writing(path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(names(tmp_path)) == 4  # the file, the user's two, and the abandoned one
    assert path.read_bytes() == b"old"
    write(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == sorted(["a[1].bin", *others])


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks of files")
def test_what_another_process_is_writing_stays(tmp_path):
    path = tmp_path / "a.bin"
    with writing(path):
        before = names(tmp_path)
        write(path, b"new")
        assert names(tmp_path) == sorted([*before, "a.bin"])


def test_a_file_that_was_taken_for_abandoned_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    lock, removed = files._lock, []

    def remove_the_first(handle):
        if not removed:
            removed.extend(tmp_path.glob(".a.bin.*.part"))
            removed[0].unlink()
        return lock(handle)

    monkeypatch.setattr(files, "_lock", remove_the_first)
    write(tmp_path / "a.bin", b"new")
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_to_is_named_with_a_remedy(code, tmp_path, monkeypatch):
    def refuse(*_, dir, **__):  # noqa: A002  mkstemp's name for it
        raise OSError(code, os.strerror(code), str(dir))

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    with pytest.raises(OSError, match=r"cannot write: .*; choose a folder that you may write to: .*a\.bin"):
        write(tmp_path / "a.bin", b"new")
