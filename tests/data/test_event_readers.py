"""Recordings of every format: the events that were written, or one line."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from recordings import (
    FORMS,
    aedat2,
    aedat3,
    aedat4,
    binary,
    davis240,
    packet3,
    packet4,
    some_events,
)

from sqnn.data import DataError, Recording, read_events
from sqnn.data.events import recording_of
from sqnn.data.events.files import MOST_FILE

EVENTS = some_events()
BACK = [(5, 1, 1, 0), (9, 1, 1, 1), (8, 2, 2, 0)]


def rows(recording: Recording) -> list[tuple[int, ...]]:
    return [tuple(map(int, event)) for event in recording.events]


def read(folder: Path, name: str, data: bytes) -> Recording:
    (folder / name).write_bytes(data)
    return read_events(folder / name)


@pytest.mark.parametrize("form", FORMS)
def test_events_come_back(tmp_path: Path, form: str) -> None:
    recording = read(tmp_path, f"a.{form}", FORMS[form](EVENTS))
    assert rows(recording) == EVENTS
    assert recording.sensor == ((34, 34) if form in ("bin", "aedat4") else (128, 128))


def test_a_davis_is_read_from_the_other_corner_without_its_brightness(tmp_path: Path) -> None:
    header = b"# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n"
    events = [(4, 0, 0, 1), (6, 239, 179, 0)]
    recording = read(tmp_path, "a.aedat", aedat2(events, davis240, header, signals=3))
    assert (rows(recording), recording.sensor) == (events, (180, 240))
    signals = read(tmp_path, "b.aedat", aedat2(EVENTS, signals=2))
    assert rows(signals) == EVENTS


def test_an_overflow_of_the_timer_is_no_event_and_makes_later_ones_later(tmp_path: Path) -> None:
    marked = [(8000, 1, 2, 1), (8191, 0, 240, 0), (10, 3, 4, 0), (8191, 0, 240, 1), (20, 5, 6, 1)]
    expected = [(8000, 1, 2, 1), (10 + 2**13, 3, 4, 0), (20 + 2 * 2**13, 5, 6, 1)]
    assert rows(read(tmp_path, "a.bin", binary(marked))) == expected


def test_later_packets_count_from_where_the_timestamps_ran_over(tmp_path: Path) -> None:
    data = aedat3(
        packet3([(2**31 - 1, 1, 1, 1)]), packet3([(3, 2, 2, 0)], overflow=1), packet3([(4, 9, 9, 0)], valid=False)
    )
    assert rows(read(tmp_path, "a.aedat", data)) == [(2**31 - 1, 1, 1, 1), (2**31 + 3, 2, 2, 0)]
    with_other = aedat3(packet3(EVENTS), source=b"eDVS4337")
    assert read(tmp_path, "b.aedat", with_other).sensor is None


def test_compressed_packets_need_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lz4.frame", None)
    with pytest.raises(DataError, match=r"compressed by LZ4; install lz4: pip install 'sqnn\[events\]'"):
        read(tmp_path, "a.aedat4", aedat4(b"1234", compression=1))


def test_compressed_packets_are_unpacked_within_bounds(tmp_path: Path) -> None:
    lz4 = pytest.importorskip("lz4.frame")
    plain = packet4(EVENTS)
    assert rows(read(tmp_path, "a.aedat4", aedat4(lz4.compress(plain), compression=1))) == EVENTS
    for packet, expected in (
        (lz4.compress(plain)[:-9], "ends within its LZ4"),
        (b"not compressed", "is no LZ4"),
        (lz4.compress(bytes(2**25)), "unpacks to more than a recording of its size"),
    ):
        with pytest.raises(DataError, match=expected):
            read(tmp_path, "b.aedat4", aedat4(packet, compression=2))


def _negative(data: bytes) -> bytes:
    return data.replace(struct.pack("<hh", 7, 8), struct.pack("<hh", -7, 8))


BROKEN: dict[str, tuple[str, bytes, str]] = {
    "an empty file": ("bin", b"", "holds no events"),
    "overflows alone": ("bin", binary([(5, 0, 240, 0)]), "holds no events"),
    "a cut event": ("bin", binary(EVENTS)[:-1], "299 bytes, expected five for each event"),
    "time backwards": ("bin", binary(BACK), "time runs backwards, from 9 to 8 us at event 2 of 3"),
    "2.0: time backwards": ("aedat", aedat2(BACK), "time runs backwards"),
    "3.1: time backwards": ("aedat", aedat3(packet3(BACK)), "time runs backwards"),
    "4.0: time backwards": ("aedat4", aedat4(packet4(BACK)), "time runs backwards"),
    "2.0: nothing": ("aedat", aedat2([]), "holds no events"),
    "2.0: a cut event": ("aedat", aedat2(EVENTS)[:-3], "ends within an event"),
    "2.0: another camera": ("aedat", aedat2(EVENTS, header=b"# AEChip: Tmpdiff64\n"), "of the camera 'Tmpdiff64'"),
    "2.0: addresses outside": (
        "aedat",
        aedat2([(0, 250, 3, 1)], lambda x, y, p: x << 12, b"# AEChip: Davis240\n"),
        "addresses outside the sensor",
    ),
    "no version": ("aedat", b"#!AER-DAT\r\n1234", "does not begin with #!AER-DAT and its version"),
    "version 1.0": ("aedat", b"#!AER-DAT1.0\r\n", "is of AEDAT 1.0, expected one of 2.0, 3.1, 4.0"),
    "3.1: no end of the header": ("aedat", b"#!AER-DAT3.1\r\n", "has no line #!END-HEADER"),
    "3.1: nothing": ("aedat", aedat3(), "holds no events"),
    "3.1: a cut header": ("aedat", aedat3(packet3(EVENTS), packet3([])[:20]), "ends within the header of a packet"),
    "3.1: a giant": ("aedat", aedat3(packet3([])[:20] + struct.pack("<ii", 2**31 - 1, 0)), "announces 2,147,483,647"),
    "3.1: a negative number": ("aedat", aedat3(packet3([])[:20] + struct.pack("<ii", -1, 0)), "announces -1 events"),
    "3.1: a cut packet": ("aedat", aedat3(packet3(EVENTS))[:-1], "announces 60 events of 8 bytes, but 479 bytes"),
    "3.1: two cameras": ("aedat", aedat3(packet3(EVENTS), packet3(EVENTS, source=1)), "of several cameras"),
    "4.0: nothing": ("aedat4", aedat4(), "holds no events"),
    "4.0: a cut header": ("aedat4", aedat4()[:60], "ends within its header"),
    "4.0: a cut packet": ("aedat4", aedat4(packet4(EVENTS))[:-1], r"announces 996 bytes, but 995 follow"),
    "4.0: a giant": ("aedat4", aedat4(packet4(EVENTS, count=2**32 - 1)), "announces 4,294,967,295 events"),
    "4.0: a negative column": ("aedat4", _negative(aedat4(packet4([(0, 7, 8, 1)]))), "a negative row or column"),
    "4.0: two cameras": ("aedat4", aedat4(packet4(EVENTS), packet4(EVENTS), stream=(0, 2)), "of several cameras"),
    "4.0: another compression": ("aedat4", aedat4(compression=3) + b"\0" * 8, "by method 3, expected none or LZ4"),
    "another name": ("dat", b"", "not named as a recording of events, expected .bin"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_damaged_recording_is_one_line(tmp_path: Path, kind: str) -> None:
    end, data, expected = BROKEN[kind]
    with pytest.raises(DataError, match=expected) as caught:
        read(tmp_path, f"a.{end}", data)
    assert len(str(caught.value).splitlines()) == 1
    assert f"a.{end}" in str(caught.value)


def test_a_giant_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.bin").open("wb") as file:
        os.truncate(file.fileno(), MOST_FILE + 5)  # no byte of it is on the disk
    with pytest.raises(DataError, match="cut the recording into shorter ones"):
        read_events(tmp_path / "a.bin")
    with pytest.raises(DataError, match="path: no file"):
        read_events(tmp_path / "b.bin")


def test_structured_arrays_are_recordings_whatever_their_fields_are_called() -> None:
    dtype = [("x", "i2"), ("y", "i2"), ("timestamp", "f8"), ("p", "i1"), ("other", "f4")]
    array = np.array([(3, 4, 10.0, -1, 0.5), (5, 6, 11.0, 1, 0.5)], dtype)
    assert rows(recording_of("a", array)) == [(10, 3, 4, 0), (11, 5, 6, 1)]


@pytest.mark.parametrize(
    ("fields", "values", "expected"),
    [
        ("x y t", (1, 2, 3), "has the fields x, y, t, expected t, x, y, p: p is missing"),
        ("t x y p", (0.5, 1, 2, 1), "t has fractions or infinite values"),
        ("t x y p", (np.inf, 1, 2, 1), "t has fractions or infinite values"),
        ("t x y p", (0, -1, 2, 1), "got x from -1 to -1, expected 0 to 65,535"),
        ("t x y p", (0, 1, 70000, 1), "got y from 70000 to 70000"),
        ("t x y p", (0, 1, 2, 3), "got p from 3 to 3, expected -1 to 1"),
        ("t x y p", (-1, 1, 2, 0), "got t from -1 to -1"),
    ],
)
def test_odd_arrays_are_one_line(fields: str, values: tuple[float, ...], expected: str) -> None:
    array = np.array([values], [(name, "f8") for name in fields.split()])
    with pytest.raises(DataError, match=re.escape(expected)):
        recording_of("a", array)
    with pytest.raises(DataError, match="expected a structured array"):
        recording_of("a", np.zeros((3, 4)))
    with pytest.raises(DataError, match="expected a structured array"):
        recording_of("a", "text")
