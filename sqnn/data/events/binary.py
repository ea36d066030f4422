"""Recordings of N-MNIST and N-Caltech101: five bytes per event and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sqnn.data.errors import DataError
from sqnn.data.events.recording import Recording, make_recording

BYTES = 5
OVERFLOW_ROW, OVERFLOW = 240, 2**13
"""The row that marks no event but a timer that ran over, and by how many microseconds all later ones are later."""
NMNIST = (34, 34)
"""Height and width of the recordings of N-MNIST; no file says its own."""


def read_binary(path: Path) -> Recording:
    """Read a recording of five big-endian bytes per event: x (8 bits), y (8), polarity (1), microseconds (23).

    Source: Orchard et al., Front. Neurosci. 9, 437 (2015), with the overflow of its reader: each entry in row 240 adds
    2^13 us to all later ones and is no event. The sensor is that of N-MNIST.
    """
    raw = np.fromfile(path, np.uint8)
    if len(raw) % BYTES:
        raise DataError(f"{path}: {len(raw):,} bytes, expected five for each event; fetch the file again")
    raw = raw.reshape(-1, BYTES)
    times = (raw[:, 2] & np.uint8(127)).astype(np.int64)
    for byte in (3, 4):
        times <<= 8
        times |= raw[:, byte]
    overflow = raw[:, 1] == OVERFLOW_ROW
    if overflow.any():
        times += np.cumsum(overflow) * OVERFLOW
        raw, times = raw[~overflow], times[~overflow]
    return make_recording(str(path), times, raw[:, 0], raw[:, 1], raw[:, 2] >> 7, NMNIST)
