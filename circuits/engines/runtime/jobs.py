"""Jobs and their results in a folder: what was sent is never sent again, what came back is never lost."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noise_models import digest, read_json, read_text, reason

FORMAT = 1
DIGEST = "sha256"
TAG = 24
"""Hexadecimal digits of a request in the names of its jobs."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Record:
    """One job: what it is of, its id once it was sent, and the expectations [rows, reads] once they are there.

    A record without an id is one that was about to be sent: whether it was, the machine's account knows by the tag.
    """

    tag: str
    machine: str
    primitive: str
    shots: int
    rows: int
    job_id: str | None = None
    values: list[list[float]] | None = None


class JobFolder:
    """A folder of records, one file per job; without a path they live as long as this object."""

    def __init__(self, path: str | Path | None) -> None:
        self.path = None if path is None else Path(path)
        self._records: dict[str, Record] = {}

    @contextlib.contextmanager
    def request(self, name: str) -> Iterator[None]:
        """Within the block no other process works on the jobs of a request; it waits."""
        if self.path is None:
            yield
            return
        from filelock import FileLock

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / f".{name}.lock")
            lock.acquire()
        except OSError as error:
            raise ValueError(f"jobs: cannot write {self.path} ({error.strerror}); choose a writable folder") from error
        try:
            yield
        finally:
            lock.release()

    def file(self, tag: str) -> Path | None:
        """Return the file of a job; None where records are not kept."""
        return None if self.path is None else self.path / f"{tag}.json"

    def read(self, empty: Record) -> Record | None:
        """Return the record of the job that `empty` describes, None where there is none.

        ValueError, naming the file, where it cannot be read, was changed, or is of another job.
        """
        file = self.file(empty.tag)
        if file is None:
            return self._records.get(empty.tag)
        if not file.exists():
            return None
        try:
            data = read_json(read_text(file))
            if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
                raise ValueError(f"no record of format {FORMAT}")
            if data.pop(DIGEST, None) != digest(data):
                raise ValueError("it was changed after it was written")
            record = Record(**data)
            if replace(record, job_id=None, values=None) != empty:
                raise ValueError("it is of another job")
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(
                f"jobs: cannot read {file} ({reason(error)}); restore it or choose another folder"
            ) from error
        return record

    def write(self, record: Record) -> None:
        """Keep a record; a file appears whole or not at all. ValueError where it cannot be written."""
        file = self.file(record.tag)
        if file is None:
            self._records[record.tag] = record
            return
        data = asdict(record)
        text = json.dumps({"format": FORMAT, DIGEST: digest(data), **data}, allow_nan=False)
        partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
        try:
            with partial.open("w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            partial.replace(file)
        except OSError as error:
            raise ValueError(f"jobs: cannot write {file} ({error.strerror}); choose a writable folder") from error
