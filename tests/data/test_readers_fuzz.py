"""Damaged files of every kind: images or one DataError, in little time and memory, and nothing is run."""

from __future__ import annotations

import gzip
import io
import pickle
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from recordings import FORMS as RECORDINGS
from recordings import aedat4, packet4, some_events

from sqnn.data import DataError, Framing, ImageData, read_events, read_images
from sqnn.data.events import frames_of
from sqnn.data.sources.cifar_python import BATCHES, HUNDRED

FEW, MANY = 100, 10_000
SPARE, TIMES = 2**25, 200
"""Bytes that a reading may take, and how many times its file's beyond: 32 MiB and two hundred."""
LONGEST = 20.0
"""Seconds after which a reading counts as hanging, on a busy machine too."""
RANDOM = np.random.default_rng(0)
IMAGES, LABELS = RANDOM.integers(0, 256, (12, 4, 4), dtype=np.uint8), np.arange(12, dtype=np.uint8) % 3


def _picture(form: str) -> bytes:
    stream = io.BytesIO()
    pixels = RANDOM.integers(0, 256, (9, 7, 4), dtype=np.uint8)
    Image.fromarray(pixels[..., : 3 if form in ("JPEG", "BMP", "PPM") else 4]).save(stream, form)
    return stream.getvalue()


def _npz() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, images=IMAGES, labels=LABELS, classes=np.array(["a", "b", "c"]))
    return stream.getvalue()


def _idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + b"".join(side.to_bytes(4, "big") for side in array.shape) + array.tobytes()


def _pickled(protocol: int) -> bytes:
    return pickle.dumps({"data": IMAGES.repeat(3, 2).reshape(12, 48), "fine_labels": LABELS.tolist()}, protocol)


def _one(name: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> object:
        (folder / name).write_bytes(data)
        return ImageData.from_file(folder / name)

    return read


def _with_picture(folder: Path, data: bytes) -> object:
    (folder / "a.png").write_bytes(data)
    return read_images(folder / "a.png", 1, (4, 4))


def _with_idx(folder: Path, data: bytes) -> object:
    (folder / "images-idx3-ubyte").write_bytes(data)
    (folder / "labels-idx1-ubyte").write_bytes(_idx(LABELS))
    return ImageData.from_file(folder)


def _with_pickle(folder: Path, data: bytes) -> object:
    for name in BATCHES[HUNDRED]:
        (folder / name).write_bytes(_pickled(2) if name == "test" else data)
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": ["a", "b", "c"]}))
    return ImageData.from_file(folder)


def _recording(name: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> object:
        (folder / name).write_bytes(data)
        return frames_of(name, read_events(folder / name), Framing(timesteps=2, sensor=(34, 34)))

    return read


def _lz4() -> list[bytes]:
    """Recordings of AEDAT 4.0 whose packets are compressed, where the package for it is there."""
    try:
        import lz4.frame
    except ImportError:
        return []
    return [aedat4(lz4.frame.compress(packet4(some_events(40))), compression=1)]


FORMS = ("PNG", "GIF", "TIFF", "WEBP", "JPEG", "BMP", "PPM", "ICO", "TGA")
READERS: dict[str, tuple[Callable[[Path, bytes], object], list[bytes]]] = {
    "pictures": (_with_picture, [_picture(form) for form in FORMS]),
    "npz": (_one("a.npz"), [_npz()]),
    "idx": (_with_idx, [_idx(IMAGES), gzip.compress(_idx(IMAGES), mtime=0)]),
    "pickles": (_with_pickle, [_pickled(protocol) for protocol in range(6)]),
    **{
        f"events.{form}": (_recording(f"a.{form}"), [write(some_events(40)), *(_lz4() if form == "aedat4" else [])])
        for form, write in RECORDINGS.items()
    },
}
BOUNDS = {kind: (2**20, 32) if kind.startswith("events") else (SPARE, TIMES) for kind in READERS}
"""Bytes that a reading may take, and how many times its file's beyond; `read_events` states those of recordings."""
NUMBERS = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\1\0\0", b"\x80", b".", b"c", b"R", b"("]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 400), st.one_of(st.sampled_from(NUMBERS), st.binary(min_size=1, max_size=6)), st.booleans()
    ),
    max_size=4,
)


def damage(data: bytes, edits: list[tuple[int, bytes, bool]], cut: int | None) -> bytes:
    """Write over bytes of the data or put some in, and cut its end off."""
    for at, new, put in edits:
        at %= len(data) + 1
        data = data[:at] + new + data[at + (0 if put else len(new)) :]
    return data if cut is None else data[: cut % (len(data) + 1)]


def fuzz(kind: str, folder: Path, examples: int, measured: bool) -> tuple[int, int]:
    """Read so many damaged files, and return how many of them were refused and the most memory beyond the spare."""
    (read, files), (spare, times) = READERS[kind], BOUNDS[kind]
    refused, most = 0, 0

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(which=st.integers(0, len(files) - 1), edits=EDITS, cut=st.none() | st.integers(0, 4000))
    def run(which: int, edits: list[tuple[int, bytes, bool]], cut: int | None) -> None:
        nonlocal refused, most
        data = damage(files[which], edits, cut)
        began = time.perf_counter()
        if measured:
            tracemalloc.start()
        try:
            with warnings.catch_warnings(action="error"):
                read(folder, data)
            lines = 1
        except DataError as error:
            refused += 1
            lines = len(str(error).splitlines())
        finally:
            peak = tracemalloc.get_traced_memory()[1] if measured else 0
            tracemalloc.stop()
        most = max(most, peak)
        assert lines == 1
        assert time.perf_counter() - began < LONGEST
        assert peak < spare + times * len(data)

    run()
    return refused, most


@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    for data in READERS[kind][1]:
        READERS[kind][0](tmp_path, data)  # whole, each is read
    refused, _ = fuzz(kind, tmp_path, FEW, measured=False)
    assert refused > FEW // 10


@pytest.mark.slow
@pytest.mark.parametrize("kind", READERS)
def test_ten_thousand_damaged_files_take_little_memory(tmp_path: Path, kind: str) -> None:
    refused, most = fuzz(kind, tmp_path, MANY, measured=True)
    print(f"{kind}: {refused:,} of {MANY:,} refused, at most {most / 2**20:.2f} MiB")
    assert refused > MANY // 10
