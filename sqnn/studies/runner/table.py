"""The results table of every study: an append-only CSV file whose rows are whole even after a kill."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import math
import os
import types
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnn.core import DIGEST, Limits, RecordWarning, Row, WriteError, brief, digest, reason, write_errors

if TYPE_CHECKING:
    import pandas as pd

Kind = type | types.UnionType
"""int, float or str; with `| None` where a number may be missing."""

DIGITS = 16
"""Digits of a row's digest, which is the start of a SHA-256."""
LIMITS: Mapping[str, Limits] = types.MappingProxyType(
    {"accuracy": Limits(least=0, most=1), "loss": Limits(least=0), "seconds": Limits(least=0)}
)
"""What a number may be, by the end of its column's name; whole numbers are never negative, and all are finite."""
POLL_SECONDS = 0.005
"""How often a writer asks whether another one has finished."""
_DTYPES: Mapping[Kind, str] = {int: "int64", int | None: "Int64"}


def kinds(text: str) -> Mapping[str, Kind]:
    """Return columns with the kinds of their values: `model data: str; seed: int; loss: float; epoch: int?`.

    A question mark is for numbers that may be missing.
    """
    known: dict[str, Kind] = {"str": str, "int": int, "float": float, "int?": int | None, "float?": float | None}
    parts = [part.split(":") for part in text.split(";")]
    return types.MappingProxyType({name: known[kind.strip()] for names, kind in parts for name in names.split()})


class TableError(ValueError):
    """A file that is no results table or cannot be written: one line saying which and why."""


@dataclasses.dataclass(frozen=True)
class Schema:
    """The columns of a table with the kinds of their values; rows that agree in `key` are the same measurement.

    `older` are layouts that earlier versions wrote: files that have one keep it, columns that are gone stay empty.
    `flaw` says what else is wrong with a row that was read, nothing where it is whole.
    """

    columns: Mapping[str, Kind]
    key: tuple[str, ...]
    older: tuple[tuple[str, ...], ...] = ()
    flaw: Callable[[Row], str] = lambda row: ""

    def misfit(self, row: Mapping[str, Any]) -> str:
        """Return which number of a row is none that a measurement has, nothing where all are within `LIMITS`."""
        for name, kind in self.columns.items():
            value = row.get(name)
            if value is None or _plain(kind) is str or value != value:
                continue
            limits = next((limits for end, limits in LIMITS.items() if name.endswith(end)), Limits())
            if _plain(kind) is int:
                limits = Limits(least=0)
            if not (math.isfinite(value) and limits.holds(value)):
                return f"{name}: got {brief(value)}, expected {limits.expected(whole=_plain(kind) is int)}"
        return ""

    def row_key(self, row: Mapping[str, object], names: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return what identifies a row's measurement: its values of `names` (the key) as text."""
        return tuple(self.field(name, row.get(name)) for name in (self.key if names is None else names))

    def field(self, name: str, value: Any) -> str:
        """Return a value as text from which the same value is read back; TableError where it is of another kind."""
        kind = _plain(self.columns[name])
        if value is None or value != value:  # NaN, which no measure has as a value, is the only thing unlike itself
            return ""
        if kind is str:
            text = str(value)
            if any(ord(character) < ord(" ") for character in text):
                raise TableError(f"table: got {brief(text)} for {name}, expected text of one line")
            return text
        if isinstance(value, bool) or (kind is int and int(value) != value):
            expected = "a whole number" if kind is int else "a number"
            raise TableError(f"table: got {brief(value)} for {name}, expected {expected}")
        return repr(kind(value))

    def frame(self, rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
        """Return rows as a data frame; numbers that are not there are missing values, texts are empty."""
        import pandas as pd

        records = list(rows)
        columns: dict[str, pd.Series] = {}
        for name, kind in self.columns.items():
            values = [row.get(name) for row in records]
            text = _plain(kind) is str
            if text:
                values = ["" if value is None else value for value in values]
            dtype = "str" if text else _DTYPES.get(kind, "float64")
            columns[name] = pd.Series(values, dtype=dtype)  # type: ignore[call-overload]
        return pd.DataFrame(columns)


@dataclasses.dataclass(frozen=True)
class StudyTable:
    """A results table in a CSV file: UTF-8, one line per row, numbers as exact decimals, columns as in its schema.

    A last column holds the digest of each row, which is compared when the row is read; tables of earlier versions have
    none, and are read with a RecordWarning. A row counts once its line is whole: readers skip what a killed writer left
    of an append, and the next writer cuts it off. Any number of processes may append to one table; the lock file beside
    it dies with its process.

    Errors begin with `option`; `again` says how rows come back that are removed from a damaged file.
    """

    path: Path
    schema: Schema
    option: str = "table"
    again: str = ""

    def append(self, rows: Iterable[Mapping[str, object]], key: Sequence[str] | None = None) -> int:
        """Append the rows of which the table has none with the same `key` yet; return how many that were.

        The rows reach the disk together or not at all. A table that is not there is begun, even for no rows.
        Raises TableError where the file is something else, or cannot be written: it stays as it was.
        """
        lines = {self.schema.row_key(row, key): self._checked(row) for row in rows}
        with self._locked() as file:
            with open(file, "rb", closefd=False) as reader:
                data = reader.read()
            columns, whole = self._split(data)
            known = {self.schema.row_key(row, key) for row in self._rows(columns, whole)} if lines else set()
            new = [_line(self.schema, columns, row) for name, row in lines.items() if name not in known]
            header = b"" if whole else _header(columns) + b"\n"
            if header or new or len(whole) < len(data):
                self._write(file, header, "".join(new).encode(), len(whole))
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
            raise TableError(f"{self.option}: cannot read {self.path} ({error.strerror})") from error
        columns, whole = self._split(data)
        rows = list(self._rows(columns, whole))
        if rows and DIGEST not in columns:
            warnings.warn(
                f"{self.path} has rows without digests, as earlier versions wrote them: what they say is believed",
                RecordWarning,
                stacklevel=1,
            )
        return rows

    def read(self) -> pd.DataFrame:
        """Return the whole rows as a data frame with the columns of the schema; raises as `rows` does."""
        return self.schema.frame(self.rows())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """Open the file for one writer at a time."""
        from filelock import FileLock

        self._check_kind()
        with self._errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), poll_interval=POLL_SECONDS)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, file)
            with self._errors():
                stack.enter_context(lock)
            yield file

    @contextlib.contextmanager
    def _errors(self, kept: str = "") -> Iterator[None]:
        """Within the block, errors of the disk are TableErrors."""
        try:
            with write_errors(self.path):
                yield
        except WriteError as error:
            raise TableError(f"{self.option}: {error}{kept}") from error

    def _check_kind(self) -> None:
        """Refuse devices and pipes, which can be read for ever."""
        if self.path.exists() and not (self.path.is_file() or self.path.is_dir()):
            raise TableError(f"{self.option}: got {self.path}, expected a regular file")

    def _split(self, data: bytes) -> tuple[tuple[str, ...], bytes]:
        """Return the columns of a file, and its header and whole lines: nothing where not even the header is whole."""
        first, newline, _ = data.partition(b"\n")
        plain = tuple(self.schema.columns)
        current = (*plain, DIGEST)
        for columns in (current, plain, *self.schema.older):
            if not newline and _header(columns).startswith(first):
                return current, b""
            if newline and first == _header(columns):
                unfinished = data.find(b"\n\0")
                whole = data if unfinished < 0 else data[: unfinished + 1]
                return columns, whole[: whole.rindex(b"\n") + 1]
        if self.again:
            raise self._damaged(str(self.path), "its first line differs")
        raise TableError(
            f"{self.option}: {self.path} is not a results table (its first line differs); choose another file"
        )

    def _rows(self, columns: tuple[str, ...], whole: bytes) -> Iterator[Row]:
        types_of = [(name, _plain(self.schema.columns.get(name, str if name == DIGEST else float))) for name in columns]
        for number, line in enumerate(whole.split(b"\n")[1:-1], start=2):
            try:
                (fields,) = csv.reader([line.decode()], strict=True)
                if len(fields) != len(columns):
                    raise ValueError(f"{len(fields)} fields, expected {len(columns)}")
                row = {name: _value(name, kind, text) for (name, kind), text in zip(types_of, fields, strict=True)}
                row = {name: row[name] for name in self.schema.columns}
                flaw = self.schema.misfit(row) or self.schema.flaw(row)
                if not flaw and columns[-1] == DIGEST and fields[-1] != _digest(fields[:-1]):
                    flaw = f"its {DIGEST} is that of another row: it was changed after it was written"
            except (ValueError, csv.Error) as error:
                flaw = reason(error)
            if flaw:
                raise self._damaged(f"line {number} of {self.path}", flaw)
            yield row

    def _damaged(self, place: str, problem: str) -> TableError:
        advice = f"remove it, and {self.again}" if self.again else "remove it"
        return TableError(f"{self.option}: {place} is damaged ({problem}); {advice}")

    def _checked(self, row: Mapping[str, object]) -> Mapping[str, object]:
        strangers = sorted(row.keys() - self.schema.columns.keys())
        if strangers:
            expected = ", ".join(self.schema.columns)
            raise TableError(f"{self.option}: got the column {strangers[0]!r}, expected some of {expected}")
        _line(self.schema, tuple(self.schema.columns), row)
        misfit = self.schema.misfit(row)
        if misfit:
            raise TableError(f"{self.option}: {misfit}")
        return row

    def _write(self, file: int, header: bytes, lines: bytes, end: int) -> None:
        """Replace what lies after `end`; the first byte of the lines comes last, so that they appear all at once."""
        with self._errors("; the rows that stood in it are kept"):
            try:
                os.ftruncate(file, end)
                os.lseek(file, end, os.SEEK_SET)
                _write_all(file, header + (b"\0" + lines[1:] if lines else b""))
                os.fsync(file)
                if lines:
                    os.lseek(file, end + len(header), os.SEEK_SET)
                    _write_all(file, lines[:1])
                    os.fsync(file)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(file, end)
                raise


def _plain(kind: Kind) -> type:
    """Return the type that a value has where there is one: int for int | None."""
    plain = next((part for part in typing.get_args(kind) if part is not types.NoneType), kind)
    return typing.cast(type, plain)


def _value(name: str, kind: type, text: str) -> Any:
    """Return the value of a field, None for an empty one; ValueError where it is not written as `field` writes it."""
    if "\0" in text:
        raise ValueError(f"{name}: a zero byte, expected text")
    if not text or kind is str:
        return text or None
    value = kind(text)
    if value != value or not text.isascii() or "_" in text or text != text.strip():
        raise ValueError(f"{name}: got {brief(text)}, expected a number")
    return value


def _digest(fields: Sequence[str]) -> str:
    return digest(list(fields))[:DIGITS]


def _header(columns: Sequence[str]) -> bytes:
    return ",".join(columns).encode()


def _line(schema: Schema, columns: Sequence[str], row: Mapping[str, object]) -> str:
    text = io.StringIO()
    fields = [schema.field(name, row.get(name)) if name in schema.columns else "" for name in columns]
    if columns[-1] == DIGEST:
        fields[-1] = _digest(fields[:-1])
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def _write_all(file: int, data: bytes) -> None:
    written = 0
    while written < len(data):  # the system takes less than all where the disk is nearly full
        written += os.write(file, data[written:])
