"""Recordings in the format AEDAT 4.0: packets that are FlatBuffers, as they are or compressed."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnn.data.errors import DataError
from sqnn.data.events.recording import Recording, make_recording

MAGIC = b"#!AER-DAT4.0\r\n"
EVENTS = b"EVTS"
EVENT_4 = np.dtype(
    {"names": ["t", "x", "y", "p"], "formats": ["<i8", "<i2", "<i2", "?"], "offsets": [0, 8, 10, 12], "itemsize": 16}
)
PLAIN, LZ4 = (0,), (1, 2)
"""Codes of packets as they are, and of those compressed by LZ4."""
MOST_TIMES, ALLOWED_BYTES = 8, 2**17
"""How many times its file all packets may have unpacked; those of less than ALLOWED_BYTES bytes may have it anyway."""


class DamagedError(ValueError):
    """Bytes that are none of the format, in words."""


def read_aedat4(path: Path, data: bytes) -> Recording:
    """Read the events of the one camera in a file; its sensor is the size that its header states.

    Packets compressed by LZ4, the usual ones, need the package `lz4`. No offset is followed out of its buffer. Source:
    AEDAT 4.0, docs.inivation.com, and the FlatBuffers binary format.
    """
    try:
        start = len(MAGIC) + 4
        size = _number("<I", data, len(MAGIC))
        header = data[start : start + size]
        if len(header) < size:
            raise DamagedError("it ends within its header; fetch the file again")
        compression = _number("<i", header, _field(header, 0), 0)
        end = _number("<q", header, _field(header, 1), -1)
        events = _events(data, start + size, len(data) if end < 0 else min(end, len(data)), compression)
    except DamagedError as error:
        raise DataError(f"{path}: not a readable AEDAT 4.0 ({error})") from error
    return make_recording(str(path), events["t"], events["x"], events["y"], events["p"], _sensor(header))


def _events(data: bytes, at: int, end: int, compression: int) -> NDArray[Any]:
    parts: list[NDArray[Any]] = [np.empty(0, EVENT_4)]
    camera: int | None = None
    room = max(MOST_TIMES * len(data), ALLOWED_BYTES)
    while at < end:
        stream, size = _number("<i", data, at), _number("<i", data, at + 4)
        at += 8
        if not 0 <= size <= end - at:
            raise DamagedError(f"a packet announces {size:,} bytes, but {end - at:,} follow; fetch the file again")
        packet = _unpacked(data[at : at + size], compression, room)
        at += size
        room -= len(packet)
        if packet[8:12] != EVENTS:
            continue
        if camera not in (None, stream):
            raise DamagedError("it holds events of several cameras, expected one; save each alone")
        camera = stream
        buffer = memoryview(packet)[4:]
        place = _field(buffer, 0)
        if place is None:
            continue
        place += _number("<I", buffer, place)
        count = _number("<I", buffer, place)
        if count * EVENT_4.itemsize > len(buffer) - place - 4:
            raise DamagedError(f"a packet announces {count:,} events, more than it holds; fetch the file again")
        part = np.frombuffer(buffer, EVENT_4, count, place + 4)
        if count and min(int(part["x"].min()), int(part["y"].min())) < 0:
            raise DamagedError("an event is in a negative row or column; fetch the file again")
        parts.append(part)
    return np.concatenate(parts)


def _unpacked(packet: bytes, compression: int, room: int) -> bytes:
    """Return a packet as it was before it was compressed, of at most `room` bytes."""
    if compression not in PLAIN + LZ4:
        raise DamagedError(f"its packets are compressed by method {compression}, expected none or LZ4; save it so")
    if compression in LZ4:
        try:
            from lz4.frame import LZ4FrameDecompressor
        except ImportError as error:
            raise DamagedError("its packets are compressed by LZ4; install lz4: pip install 'sqnn[events]'") from error
        unpacker = LZ4FrameDecompressor()
        try:
            packet = unpacker.decompress(packet, max_length=max(room, 0) + 1)
        except (RuntimeError, EOFError, MemoryError) as error:
            raise DamagedError(f"a packet is no LZ4 ({' '.join(str(error).split())}); fetch the file again") from error
        if not unpacker.eof and len(packet) <= room:
            raise DamagedError("a packet ends within its LZ4; fetch the file again")
    if len(packet) > room:
        raise DamagedError("it unpacks to more than a recording of its size; fetch it again")
    return packet


def _number(kind: str, buffer: bytes | memoryview, at: int | None, default: int = 0) -> int:
    """Return the number at a place in a buffer, the default where there is no place."""
    if at is None:
        return default
    if not 0 <= at <= len(buffer) - struct.calcsize(kind):
        raise DamagedError("it ends within a number; fetch the file again")
    return int(struct.unpack_from(kind, buffer, at)[0])


def _field(buffer: bytes | memoryview, number: int) -> int | None:
    """Return where a field of a FlatBuffer's first table lies, None where the table has none such."""
    table = _number("<I", buffer, 0)
    fields = table - _number("<i", buffer, table)
    if _number("<H", buffer, fields) < 6 + 2 * number:
        return None
    offset = _number("<H", buffer, fields + 4 + 2 * number)
    return table + offset if offset else None


def _sensor(header: bytes) -> tuple[int, int] | None:
    """Return height and width where a header's text states one size."""
    sides = [
        {int(side) for side in re.findall(rb'"%s"[^>]{0,40}>([1-9]\d{0,3})<' % key, header)}
        for key in (b"sizeY", b"sizeX")
    ]
    return None if any(len(side) != 1 for side in sides) else (sides[0].pop(), sides[1].pop())
