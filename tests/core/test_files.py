"""A file takes its place whole, and never that of something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqnn.core import whole_file, write_text


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="a system with device files")
def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    # By way of a link, so that a failure of this test would replace the link and not the device.
    place = tmp_path / "null"
    place.symlink_to("/dev/null")
    with pytest.raises(OSError, match="is a folder or a device"):
        write_text(place, "text")
    assert place.is_char_device()


def test_a_folder_is_never_replaced_and_a_file_is(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="is a folder or a device"):
        write_text(tmp_path, "text")
    write_text(tmp_path / "a" / "b.txt", "one")
    write_text(tmp_path / "a" / "b.txt", "two")
    assert (tmp_path / "a" / "b.txt").read_text() == "two"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_nothing_is_left_where_ctrl_c_comes_as_a_failed_file_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Path.unlink, []

    def unlink(path: Path, missing_ok: bool = False) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    failed = whole_file(tmp_path / "a.txt")
    failed.__enter__().write_text("half")
    with pytest.raises(KeyboardInterrupt):
        failed.__exit__(OSError, OSError("no more"), None)
    assert list(tmp_path.iterdir()) == []
    assert len(calls) == 2
