"""Recordings in the formats AEDAT 2.0 and 3.1 of iniVation's cameras, and which version a file is of."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnn.data.errors import DataError
from sqnn.data.events.aedat4 import read_aedat4
from sqnn.data.events.recording import Recording, make_recording

VERSION = re.compile(rb"#!AER-DAT(\d\.\d)\r?\n")
END_OF_HEADER = re.compile(rb"#!END-HEADER\r?\n")
HEADER_2 = re.compile(rb"(?:#[^\n]*\n)*")
MOST_HEADER = 2**22
"""Bytes that a header may have; jAER writes all of its settings there."""
WORDS = ("size", "time_at", "overflow", "capacity", "number", "valid")
PACKET = np.dtype([("type", "<i2"), ("source", "<i2"), *((name, "<i4") for name in WORDS)])
POLARITY_EVENTS = 1


class Packing(NamedTuple):
    """Where version 2.0 has row, column and polarity in the 32 bits of an address.

    `others` are bits of which one is set where an entry is no event: brightness, movement, signals at the plug.
    """

    row_shift: int
    row_mask: int
    column_shift: int
    column_mask: int
    polarity_shift: int
    others: int
    brighter: int
    """The polarity bit of an event that became brighter."""


DVS = Packing(8, 0x7F, 1, 0x7F, 0, others=0xFFFF_8000, brighter=0)
DAVIS = Packing(22, 0x1FF, 12, 0x3FF, 11, others=0x8000_0400, brighter=1)


@dataclass(frozen=True)
class Camera:
    """Height and width of a sensor in pixels, and how version 2.0 packs its addresses."""

    sensor: tuple[int, int]
    packing: Packing = DAVIS


CAMERAS: Mapping[bytes, Camera] = MappingProxyType(
    {
        b"dvs128": Camera((128, 128), DVS),
        b"davis128": Camera((128, 128)),
        b"davis208": Camera((192, 208)),
        b"davis240": Camera((180, 240)),
        b"davis346": Camera((260, 346)),
        b"davis640": Camera((480, 640)),
    }
)
"""Cameras by what headers call them, whatever follows."""


def read_aedat(path: Path) -> Recording:
    """Read a recording by the version that its first line states.

    Source: AEDAT file formats, docs.inivation.com. In version 2.0 row 0 is at the bottom and column 0 at the right, as
    its program jAER takes them, and a DVS128 sets its polarity bit where it became darker; rows and columns come as a
    person sees them. A file of version 2.0 that names no camera is one of a DVS128.
    """
    data = path.read_bytes()
    version = VERSION.match(data)
    if version is None:
        raise DataError(f"{path}: does not begin with #!AER-DAT and its version, expected an AEDAT file")
    if version[1] not in READERS:
        known = ", ".join(sorted(each.decode() for each in READERS))
        raise DataError(f"{path}: is of AEDAT {version[1].decode()}, expected one of {known}; save it as one of them")
    return READERS[version[1]](path, data)


def _camera(text: bytes) -> Camera | None:
    """Return the camera that a header names: AEChip of version 2.0, or Source of version 3.1."""
    named = re.search(rb"AEChip:([^\n]*)|#Source \d+:([^\n]*)", text)
    name = (named[1] or named[2] or b"").lower() if named else b""
    return next((camera for known, camera in CAMERAS.items() if known in name), None)


def _read_2(path: Path, data: bytes) -> Recording:
    header = HEADER_2.match(data[:MOST_HEADER])
    start = header.end() if header else 0
    if (len(data) - start) % 8:
        raise DataError(f"{path}: ends within an event, expected eight bytes for each; fetch the file again")
    named = re.search(rb"AEChip:([^\r\n]*)", data[:start])
    camera = _camera(data[:start])
    if named is not None and camera is None:
        known = ", ".join(name.decode() for name in CAMERAS)
        raise DataError(f"{path}: is of the camera {named[1].decode(errors='replace').strip()!r}, expected {known}")
    words = np.frombuffer(data, ">u4", offset=start).reshape(-1, 2)
    camera = camera or CAMERAS[b"dvs128"]
    address = words[:, 0].astype(np.uint32)
    packing = camera.packing
    events = (address & np.uint32(packing.others)) == 0
    address, times = address[events], words[events, 1].astype(np.int32)
    height, width = camera.sensor
    rows = height - 1 - (address >> packing.row_shift & packing.row_mask).astype(np.int64)
    columns = width - 1 - (address >> packing.column_shift & packing.column_mask).astype(np.int64)
    _check_addresses(path, rows, columns)
    brighter = address >> packing.polarity_shift & 1 == packing.brighter
    return make_recording(str(path), times, columns, rows, brighter, camera.sensor)


def _check_addresses(path: Path, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
    """Raise DataError where addresses, counted from the other end, lie outside the sensor."""
    if len(rows) and (rows.min() < 0 or columns.min() < 0):
        raise DataError(f"{path}: has addresses outside the sensor of the camera that it names; fetch the file again")


def _read_3(path: Path, data: bytes) -> Recording:
    end = END_OF_HEADER.search(data, 0, MOST_HEADER)
    if end is None:
        raise DataError(f"{path}: has no line #!END-HEADER; fetch the file again")
    camera = _camera(data[: end.end()])
    parts: list[NDArray[np.uint32]] = []
    times: list[NDArray[np.int64]] = []
    source: int | None = None
    at = end.end()
    while at < len(data):
        if len(data) - at < PACKET.itemsize:
            raise DataError(f"{path}: ends within the header of a packet; fetch the file again")
        packet = np.frombuffer(data, PACKET, 1, at)[0]
        size, number, at = int(packet["size"]), int(packet["number"]), at + PACKET.itemsize
        if size < 1 or number < 0 or size * number > len(data) - at:
            raise DataError(
                f"{path}: a packet announces {number:,} events of {size:,} bytes, but {len(data) - at:,} bytes follow; "
                "fetch the file again"
            )
        if packet["type"] == POLARITY_EVENTS and number:
            if size != 8 or packet["overflow"] < 0:
                raise DataError(f"{path}: a packet has events of {size} bytes, expected 8; fetch the file again")
            if source not in (None, int(packet["source"])):
                raise DataError(f"{path}: holds events of several cameras, expected one; save each alone")
            source = int(packet["source"])
            words = np.frombuffer(data, "<u4", 2 * number, at).reshape(-1, 2)
            valid = words[words[:, 0] & 1 == 1]
            parts.append(valid[:, 0])
            times.append((int(packet["overflow"]) << 31) + valid[:, 1].astype(np.int32).astype(np.int64))
        at += size * number
    if not parts:
        return make_recording(str(path), (), (), (), ())
    word = np.concatenate(parts)
    sensor = None if camera is None else camera.sensor
    return make_recording(str(path), np.concatenate(times), word >> 17, word >> 2 & 0x7FFF, word >> 1 & 1, sensor)


READERS: Mapping[bytes, Callable[[Path, bytes], Recording]] = MappingProxyType(
    {b"2.0": _read_2, b"3.1": _read_3, b"4.0": read_aedat4}
)
