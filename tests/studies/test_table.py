"""The results table: whatever happens to a writer, whole rows stay, torn ones go, and numbers are exact."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sqnn.studies import COLUMNS, ResultsTable, TableError

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)
VALUES = {
    str: TEXT,
    int: st.integers(0, 2**62),
    float: st.floats(0, 1),
}
ROWS = st.fixed_dictionaries(
    {},
    optional={name: VALUES[kind] for name, kind in COLUMNS.items()}
    | {"strength": st.floats(allow_nan=False, allow_infinity=False), "loss": st.floats(0, allow_infinity=False)},
)

LAST = len(COLUMNS)
"""Commas of a row, which its digest ends."""

LONG = "x" * 20_000
"""Lines much longer than a page, so that a write takes time to be interrupted in."""

# A copy of this process needs no time to import anything, and touches nothing but the table.
FORK = multiprocessing.get_context("fork")


def write(path: Path, name: str, first: int, count: int, begin: Event) -> None:
    begin.wait()
    for number in range(first, first + count):
        ResultsTable(path).append([{"fingerprint": name, "draw": number, "versions": LONG}])


@pytest.fixture
def table(tmp_path: Path) -> ResultsTable:
    return ResultsTable(tmp_path / "rows.csv")


@given(rows=st.lists(ROWS, max_size=4))
@example(rows=[{"model": 'a,"b"', "noise": "{", "accuracy": 0.1 + 0.2, "loss": 5e-324, "draw": 0}])
def test_what_is_read_is_what_was_written(rows: list[dict], tmp_path_factory) -> None:
    table = ResultsTable(tmp_path_factory.mktemp("table") / "rows.csv")
    for number, row in enumerate(rows):
        assert table.append([{**row, "noise": f"n{number}"}]) == 1
    expected = [{**dict.fromkeys(COLUMNS), **row, "noise": f"n{number}"} for number, row in enumerate(rows)]
    assert table.rows() == expected


def test_the_frame_has_every_column_with_its_kind(table: ResultsTable) -> None:
    assert list(table.read().columns) == list(COLUMNS)
    table.append([{"model": "NA", "draw": 2**53 + 1, "strength": 0.1 + 0.2}, {"noise": "x", "loss": 2.5}])
    frame = table.read()
    assert list(frame.columns) == list(COLUMNS)
    assert frame.draw.iloc[0] == 2**53 + 1
    assert frame.draw.isna().tolist() == [False, True]
    assert frame.strength.iloc[0] == 0.1 + 0.2
    assert frame.model.tolist() == ["NA", ""], "text that pandas would take for a missing value"
    assert frame.seed.isna().all()
    assert frame.loss.iloc[1] == 2.5


def test_a_measurement_stands_there_once(table: ResultsTable) -> None:
    row = {"fingerprint": "f", "noise": "paper", "strength": 0.3, "engine": "aer", "shots": 10, "draw": 0}
    assert table.append([{**row, "accuracy": 0.5}]) == 1
    assert table.append([{**row, "accuracy": 0.6}, {**row, "draw": 1, "accuracy": 0.7}]) == 1
    assert [each["accuracy"] for each in table.rows()] == [0.5, 0.7]
    for name, other in (("strength", 0.1 + 0.2), ("engine", "pennylane"), ("shots", None), ("fingerprint", "g")):
        assert table.append([{**row, name: other}]) == 1, name


@pytest.mark.parametrize("cut", ["header", "newline of the header", "first row", "last row", "last newline"])
def test_a_torn_line_is_overlooked_and_then_cut_off(table: ResultsTable, cut: str) -> None:
    rows = [{"noise": f"n{number}", "loss": number / 3} for number in range(3)]
    table.append(rows)
    whole = table.path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    at, left = {
        "header": (ends[0] // 2, 0),
        "newline of the header": (ends[0] - 1, 0),
        "first row": (ends[0] + 5, 0),
        "last row": (ends[3] - 9, 2),
        "last newline": (ends[3] - 1, 2),
    }[cut]
    table.path.write_bytes(whole[:at])
    assert [row["noise"] for row in table.rows()] == ["n0", "n1", "n2"][:left]
    assert table.path.read_bytes() == whole[:at], "a reader changed the file"
    table.append(rows)
    assert table.path.read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    [b"a,b,c\n1,2,3\n", bytes(range(256)), b"\n", b"\0" * 5000, (",".join(COLUMNS) + ",more\n").encode(), b"mod"[::-1]],
    ids=["another table", "binary", "empty line", "zeros", "one column more", "no line"],
)
def test_a_foreign_file_is_refused_and_left_alone(table: ResultsTable, content: bytes) -> None:
    table.path.write_bytes(content)
    for action in (table.read, lambda: table.append([]), lambda: table.append([{"noise": "x"}])):
        with pytest.raises(TableError, match=r"table: .*rows.csv is not a results table"):
            action()
    assert table.path.read_bytes() == content


@pytest.mark.parametrize(
    "line", [b"1,2,3", b'"open' + b"," * LAST, b"," * (LAST - 1) + b"\xff,", b",,,many" + b"," * (LAST - 3)]
)
def test_a_damaged_line_is_named(table: ResultsTable, line: bytes) -> None:
    table.append([{"noise": "x"}])
    content = table.path.read_bytes() + line + b"\n"
    table.path.write_bytes(content)
    for action in (table.read, lambda: table.append([{"noise": "y"}])):
        with pytest.raises(TableError, match=r"table: line 3 of .*rows.csv is damaged"):
            action()
    assert table.path.read_bytes() == content


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"acuracy": 1.0}, "table: got the column 'acuracy', expected some of model"),
        ({"model": "a\nb"}, "table: got 'a\\nb' for model, expected text of one line"),
        ({"draw": 1.5}, "table: got 1.5 for draw, expected a whole number"),
        ({"loss": True}, "table: got True for loss, expected a number"),
        ({"loss": -1.0}, "table: loss: got -1.0, expected a number of at least 0"),
        ({"loss": float("inf")}, "table: loss: got inf, expected a number of at least 0"),
        ({"accuracy": 7.5}, "table: accuracy: got 7.5, expected a number from 0 to 1"),
        ({"draw": -1}, "table: draw: got -1, expected a whole number of at least 0"),
    ],
)
def test_refused_rows_leave_no_trace(table: ResultsTable, row: dict, message: str) -> None:
    with pytest.raises(TableError) as caught:
        table.append([{"noise": "good"}, row])
    assert str(caught.value).startswith(message)
    assert not table.path.exists()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path, tmp_path / "file" / "rows.csv"):
        with pytest.raises(TableError, match="table: cannot write "):
            ResultsTable(path).append([])


@pytest.mark.parametrize("moment", ["write", "fsync"])
@pytest.mark.parametrize("begun", [False, True])
def test_a_full_disk_leaves_whole_rows(table: ResultsTable, monkeypatch, moment: str, begun: bool) -> None:
    """The disk takes half of the line and no more, or notices only when it is to be written down."""
    if begun:
        table.append([{"noise": "before"}])
    before = table.path.read_bytes() if begun else b""
    real = os.write

    def half(file: int, data: bytes) -> int:
        if len(data) < 10:
            raise OSError(28, "No space left on device")
        return real(file, data[: len(data) // 2])

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, moment, {"write": half, "fsync": full}[moment])
        with pytest.raises(TableError, match=r"table: cannot write .*rows.csv \(No space left on device\)"):
            table.append([{"noise": "after"}])
    assert table.path.read_bytes() == before
    assert table.append([{"noise": "after"}]) == 1
    assert [row["noise"] for row in table.rows()] == ["before"] * begun + ["after"]


def grow(path: Path, most: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    for number in range(100):
        try:
            ResultsTable(path).append([{"draw": number, "versions": "x" * 9_000}])
        except TableError as error:
            os._exit(number if "File too large" in str(error) else 255)


def test_a_limit_of_the_system_leaves_whole_rows(table: ResultsTable) -> None:
    """The same with a real short write: the system lets files grow to 100,000 bytes only."""
    process = FORK.Process(target=grow, args=(table.path, 100_000))
    process.start()
    process.join()
    assert process.exitcode == 100_000 // 9_000
    assert [row["draw"] for row in table.rows()] == list(range(process.exitcode))
    assert table.path.read_bytes().endswith(b"\n")


def test_a_killed_writer_loses_at_most_the_row_at_hand(table: ResultsTable) -> None:
    """Killed at moments spread over several rows, each time while another row may be half written."""
    begin = FORK.Event()
    begin.set()
    reached = 0
    for number in range(12):
        process = FORK.Process(target=write, args=(table.path, "killed", reached, 100_000, begin))
        process.start()
        deadline = time.monotonic() + 60
        while len(table.rows()) < reached + 2 and time.monotonic() < deadline:
            pass
        time.sleep(0.0007 * number)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        rows = table.rows()
        assert [row["draw"] for row in rows] == list(range(len(rows)))
        assert len(rows) >= reached + 2
        assert {row["versions"] for row in rows} == {LONG}
        reached = len(rows)
    assert table.append([{"fingerprint": "killed", "draw": reached}]) == 1
    assert len(table.rows()) == reached + 1


def test_several_writers_lose_nothing(table: ResultsTable) -> None:
    """Also where all begin the table at once, and where two have the same rows."""
    begin = FORK.Event()
    processes = [FORK.Process(target=write, args=(table.path, name, 0, 40, begin)) for name in "aba"]
    for process in processes:
        process.start()
    begin.set()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    rows = table.rows()
    assert len(rows) == 80
    for name in "ab":
        assert [row["draw"] for row in rows if row["fingerprint"] == name] == list(range(40))
    assert {row["versions"] for row in rows} == {LONG}


@pytest.mark.parametrize("path", ["/dev/full", "/dev/zero"])
def test_a_device_is_no_table(path: str) -> None:
    for use in (lambda table: table.rows(), lambda table: table.append([])):
        with pytest.raises(TableError, match="expected a regular file"):
            use(ResultsTable(Path(path)))
