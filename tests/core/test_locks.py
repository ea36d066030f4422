"""One process writes to a folder, a lock ends with its process, and what somebody is writing is never cleaned away."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from sqnn.core import (
    InUseError,
    WriteError,
    check_writable,
    folder_lock,
    remove_partials,
    whole_file,
    write_errors,
    write_text,
)

FORK = multiprocessing.get_context("fork")


def lock(folder: Path) -> contextlib.AbstractContextManager[object]:
    return folder_lock(folder)


def write(folder: Path) -> contextlib.AbstractContextManager[object]:
    return whole_file(folder / "file.txt")


def hold(enter: Callable[[Path], contextlib.AbstractContextManager[object]], folder: Path, inside: Event) -> None:
    with enter(folder):
        inside.set()
        signal.pause()


@contextlib.contextmanager
def other_process(
    enter: Callable[[Path], contextlib.AbstractContextManager[object]], folder: Path
) -> Iterator[multiprocessing.Process]:
    """A process inside of `enter(folder)`; killed at the end, at the latest."""
    inside = FORK.Event()
    process = FORK.Process(target=hold, args=(enter, folder, inside), daemon=True)
    process.start()
    assert inside.wait(60)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def test_a_second_writer_is_told_who_is_at_work_and_a_dead_one_is_not_waited_for(tmp_path: Path) -> None:
    with other_process(lock, tmp_path / "run") as process:
        with pytest.raises(InUseError) as caught, folder_lock(tmp_path / "run"):
            pass
        assert str(caught.value).startswith(f"process {process.pid} on {socket.gethostname()} is at work in {tmp_path}")
    with folder_lock(tmp_path / "run"):
        pass


def test_a_file_that_is_being_written_stays_and_a_dead_one_goes(tmp_path: Path) -> None:
    dead = tmp_path / ".other.txt.1.partial"  # process 1 lives, but it does not write here
    dead.write_text("half")
    with other_process(write, tmp_path) as process:
        living = tmp_path / f".file.txt.{process.pid}.partial"
        remove_partials(tmp_path)
        write_text(tmp_path / "file.txt", "ours")
        assert living.exists()
        assert not dead.exists()
    assert living.exists()
    write_text(tmp_path / "file.txt", "ours again")
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("x" * 250, r"\(File name too long\); choose a shorter name"),
        ("folder", r"\(is a folder or a device\); choose the name of a file"),
        ("file/x", r"\((Not a directory|File exists)\); choose a writable folder"),
    ],
)
def test_what_cannot_be_written_is_known_before_and_said_in_one_line(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    before = sorted(tmp_path.rglob("*"))
    for action in (check_writable, lambda place: write_text(place, "text")):
        with pytest.raises(WriteError, match=reason) as caught:
            action(tmp_path / path)
        assert str(caught.value).startswith(f"cannot write {tmp_path}")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG, errno.EIO])
def test_an_error_of_the_disk_names_the_file_and_leaves_the_old_one(tmp_path: Path, number: int) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    named = (str(path),) if number == errno.EACCES else ()

    def fail() -> None:
        with whole_file(path) as partial:
            partial.write_text("half")
            raise OSError(number, os.strerror(number), *named)

    with pytest.raises(WriteError, match=rf"cannot write {path} \({os.strerror(number)}\); \w+") as caught:
        fail()
    assert caught.value.errno == number
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ConnectionError(111, "refused"), FileNotFoundError(2, "none", "/elsewhere/image")])
def test_an_error_of_something_else_stays_what_it_is(tmp_path: Path, error: OSError) -> None:
    with pytest.raises(OSError, match=error.strerror) as caught, write_errors(tmp_path / "run"):
        raise error
    assert caught.value is error


def test_a_trial_leaves_what_is_there(tmp_path: Path) -> None:
    write_text(tmp_path / "file.txt", "old")
    check_writable(tmp_path / "file.txt")
    check_writable(tmp_path / "new" / "file.txt")
    assert (tmp_path / "file.txt").read_text() == "old"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "file.txt"]
