"""The results table: one CSV file, one row a finished measurement, which no death of a writer can spoil."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

COLUMNS: Mapping[str, type] = MappingProxyType(
    {
        "model": str,
        "data": str,
        "split": str,
        "images": int,
        "classes": int,
        "train_noise": str,
        "seed": int,
        "noise": str,
        "strength": float,
        "engine": str,
        "shots": int,
        "draw": int,
        "accuracy": float,
        "loss": float,
        "parameters_total": int,
        "parameters_spiking": int,
        "parameters_quantum": int,
        "parameters_effective": int,
        "synops": float,
        "energy": float,
        "latency": float,
        "seconds": float,
        "versions": str,
        "fingerprint": str,
    }
)
"""Every column and the kind of its values; a field without a value is empty.

`model` is the network's path or name, `images` how many of the `split` were measured, `train_noise` and `seed` the
noise and the seed the network was trained with, `draw` the number of a repetition with `shots`; `accuracy` is a
fraction, `loss` the mean cross-entropy in nats, `energy` in pJ and `latency` in time steps an image, `seconds` the wall
time of the measurement. `fingerprint` is a digest of what was measured: the network, the images and the noise.
"""

KEY: tuple[str, ...] = ("fingerprint", "noise", "strength", "engine", "shots", "draw")
"""Rows that agree in these columns are the same measurement; the name of the network's file is not among them."""

Row = dict[str, Any]

_HEADER = (",".join(COLUMNS) + "\n").encode()
_KINDS = {int: "Int64", float: "float64", str: "str"}


class TableError(ValueError):
    """A file that is no results table or cannot be written: one line saying which and why."""


@dataclass(frozen=True)
class ResultsTable:
    """A results table in a CSV file (UTF-8, one line a row, numbers as exact decimals, columns as in COLUMNS).

    A row counts from the moment its line is whole: whatever a killed writer left of a line is overlooked by readers and
    cut off by the next writer. Any number of processes may append to one table.
    """

    path: Path

    def append(self, rows: Iterable[Mapping[str, Any]], key: Sequence[str] = KEY) -> int:
        """Append the rows of which the table has none with the same `key` yet; return how many that were.

        The rows reach the disk together or not at all. A table that is not there is begun, even for no rows.
        Raises TableError where the file is something else, or cannot be written: it stays as it was.
        """
        lines = {_key(row, key): _line(row) for row in rows}
        with self._locked() as file:
            data = _read_all(file)
            kept = self._whole(data)
            known = {_key(row, key) for row in self._rows(kept)} if lines else set()
            new = [line for name, line in lines.items() if name not in known]
            addition = (b"" if kept else _HEADER) + "".join(new).encode()
            if addition or len(kept) < len(data):
                self._write(file, addition, len(kept))
        return len(new)

    def rows(self) -> list[Row]:
        """Return the whole rows in the order in which they were appended, None where a field is empty.

        A table that is not there has no rows. Raises TableError where the file is not a results table.
        """
        self._check_kind()
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise TableError(f"table: cannot read {self.path} ({error.strerror})") from error
        return list(self._rows(self._whole(data)))

    def read(self) -> pd.DataFrame:
        """Return the whole rows as a data frame with the columns of COLUMNS; raises as `rows` does."""
        return frame_of(self.rows())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """Open the file for one writer at a time; the system lifts the lock when a writer dies."""
        self._check_kind()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise TableError(f"table: cannot write {self.path} ({error.strerror})") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _check_kind(self) -> None:
        """Refuse devices and pipes, which can be read for ever."""
        if self.path.exists() and not (self.path.is_file() or self.path.is_dir()):
            raise TableError(f"table: got {self.path}, expected a regular file")

    def _whole(self, data: bytes) -> bytes:
        """Return the header and the whole lines behind it, nothing where not even the header is whole."""
        if _HEADER.startswith(data):
            return data if data == _HEADER else b""
        if not data.startswith(_HEADER):
            raise TableError(f"table: {self.path} is not a results table (its first line differs); choose another file")
        return data[: data.rindex(b"\n") + 1]

    def _rows(self, whole: bytes) -> Iterator[Row]:
        for number, line in enumerate(whole[len(_HEADER) :].split(b"\n")[:-1], start=2):
            try:
                (fields,) = csv.reader([line.decode()], strict=True)
                yield {
                    name: (kind(field) if field else None)
                    for (name, kind), field in zip(COLUMNS.items(), fields, strict=True)
                }
            except (ValueError, csv.Error) as error:
                raise TableError(f"table: line {number} of {self.path} is damaged ({error}); remove it") from error

    def _write(self, file: int, addition: bytes, end: int) -> None:
        try:
            os.ftruncate(file, end)
            os.lseek(file, end, os.SEEK_SET)
            written = os.write(file, addition)
            while written < len(addition):  # the system takes less than all where the disk is nearly full
                written += os.write(file, addition[written:])
            os.fsync(file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(file, end)
            raise TableError(
                f"table: cannot write {self.path} ({error.strerror}); the rows that stood in it are kept"
            ) from error


def frame_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a data frame; unknown numbers are missing values, unknown texts are empty."""
    columns: dict[str, pd.Series] = {}
    for name, kind in COLUMNS.items():
        values = [row.get(name) for row in rows]
        if kind is str:
            values = ["" if value is None else value for value in values]
        columns[name] = pd.Series(values, dtype=_KINDS[kind])  # type: ignore[call-overload]
    return pd.DataFrame(columns)


def row_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what tells a row's measurement from every other one."""
    return _key(row, KEY)


def _key(row: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_field(name, row.get(name)) for name in names)


def _read_all(file: int) -> bytes:
    with open(file, "rb", closefd=False) as reader:
        return reader.read()


def _line(row: Mapping[str, Any]) -> str:
    unknown = sorted(row.keys() - COLUMNS.keys())
    if unknown:
        raise TableError(f"table: got the column {unknown[0]!r}, expected some of {', '.join(COLUMNS)}")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(_field(name, row.get(name)) for name in COLUMNS)
    return text.getvalue()


def _field(name: str, value: Any) -> str:
    """Return a value as text from which the same value is read back."""
    kind = COLUMNS[name]
    if value is None or value != value:  # NaN, which no measure has as a value, is the only thing unlike itself
        return ""
    if kind is str:
        text = str(value)
        if any(ord(character) < ord(" ") for character in text):
            raise TableError(f"table: got {text!r} for {name}, expected text of one line")
        return text
    if isinstance(value, bool) or (kind is int and int(value) != value):
        raise TableError(f"table: got {value!r} for {name}, expected {'a whole number' if kind is int else 'a number'}")
    return repr(kind(value))
