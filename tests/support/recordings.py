"""Event recordings written by hand, event by event, in the formats that are read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

Event = tuple[int, int, int, int]
"""Microseconds, column, row, polarity."""


def some_events(count: int = 60, side: int = 34, seed: int = 0, step: int = 40) -> list[Event]:
    """Return events at random pixels, in the order of their time, several at the same one."""
    random = np.random.default_rng(seed)
    times = np.sort(random.integers(0, count * step, count)).tolist()
    return [(t, *random.integers(0, side, 2).tolist(), int(random.integers(2))) for t in times]


def binary(events: Iterable[Event]) -> bytes:
    return b"".join(bytes((x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255)) for t, x, y, p in events)


def dvs128(x: int, y: int, p: int) -> int:
    return (127 - y) << 8 | (127 - x) << 1 | (1 - p)


def davis240(x: int, y: int, p: int) -> int:
    return (179 - y) << 22 | (239 - x) << 12 | p << 11


def aedat2(
    events: Iterable[Event], address: Callable[[int, int, int], int] = dvs128, header: bytes = b"", signals: int = 0
) -> bytes:
    """`signals` are entries that are no events, before the others."""
    start = b"#!AER-DAT2.0\r\n# This is a raw AE data file\r\n" + header
    mark = 1 << 15 if address is dvs128 else 1 << 31
    words = [(mark, 0)] * signals + [(address(x, y, p), t) for t, x, y, p in events]
    return start + b"".join(struct.pack(">II", word, t) for word, t in words)


def packet3(events: Sequence[Event], kind: int = 1, overflow: int = 0, source: int = 0, valid: bool = True) -> bytes:
    head = struct.pack("<hhiiiiii", kind, source, 8, 4, overflow, len(events), len(events), len(events))
    return head + b"".join(struct.pack("<II", x << 17 | y << 2 | p << 1 | valid, t) for t, x, y, p in events)


def aedat3(*packets: bytes, source: bytes = b"DVS128") -> bytes:
    return b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 0: " + source + b"\r\n#!END-HEADER\r\n" + b"".join(packets)


def packet4(events: Sequence[Event], name: bytes = b"EVTS", count: int | None = None) -> bytes:
    """A FlatBuffer whose root table has one field, the vector of events, after its size."""
    table = struct.pack("<I4sHHHxx", 16, name, 6, 8, 4) + struct.pack("<iIxxxx", 8, 8)
    number = len(events) if count is None else count
    vector = struct.pack("<I", number) + b"".join(struct.pack("<qhh?xxx", t, x, y, bool(p)) for t, x, y, p in events)
    return struct.pack("<I", len(table + vector)) + table + vector


def aedat4(
    *packets: bytes, compression: int = 0, size: tuple[int, int] = (34, 34), stream: Sequence[int] = (0, 0, 0)
) -> bytes:
    """`size` is (height, width); packets are as they are in the file, compressed or not."""
    text = b'<attr key="sizeX" type="int">%d</attr><attr key="sizeY" type="int">%d</attr>' % (size[1], size[0])
    table = struct.pack("<I4sHHHHHxx", 20, b"IOHE", 10, 20, 4, 12, 8) + struct.pack("<iiIq", 12, compression, 12, -1)
    header = table + struct.pack("<I", len(text)) + text + b"\0"
    body = b"".join(struct.pack("<ii", s, len(each)) + each for s, each in zip(stream, packets, strict=False))
    return b"#!AER-DAT4.0\r\n" + struct.pack("<I", len(header)) + header + body


FORMS: dict[str, Callable[[list[Event]], bytes]] = {
    "bin": binary,
    "aedat": aedat2,
    "3.aedat": lambda events: aedat3(packet3(events[:7]), packet3([(0, 0, 0, 0)], kind=2), packet3(events[7:])),
    "aedat4": lambda events: aedat4(packet4(events[:7]), packet4([], name=b"FRME"), packet4(events[7:])),
}
"""Each format by the end of a file's name."""


def write_set(root: Path, counts: dict[str, int], form: str = "bin", seed: int = 0) -> Path:
    """Write so many recordings in each folder, those of a folder 1 on the right and those of the others on the left."""
    for place, count in counts.items():
        folder = root / place
        folder.mkdir(parents=True, exist_ok=True)
        right = folder.name == "1"
        for number in range(count):
            events = some_events(80, 17, seed=seed + 1000 * right + number + 100 * ("Test" in place))
            moved = [(t, x + 17 * right, y + 8, p) for t, x, y, p in events]
            (folder / f"{number:05d}.{form}").write_bytes(FORMS[form](moved))
    return root
