"""The base of all benchmarks: options, cells and columns, and the way rows are measured and written."""

from __future__ import annotations

import csv
import io
import re
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from sqnn.bench.machine import PROVENANCE, check_device, provenance
from sqnn.core import (
    MOST_THREADS,
    Config,
    ConfigError,
    Row,
    Value,
    WriteError,
    option,
    read_text,
    reason,
    require,
    write_text,
)

if TYPE_CHECKING:
    from torch import Tensor

Question: TypeAlias = Any
"""What another process is asked to build, in values that JSON has; each benchmark has its own."""


@dataclass(frozen=True)
class Cell:
    """What is measured at once: `key` holds the columns that name it, `measure()` returns the others, row by row."""

    key: Row
    measure: Callable[[], list[Row]]


@dataclass(frozen=True, kw_only=True)
class Benchmark(Config):
    """Base of all benchmarks: the fields are the options of `sqnn bench NAME`, and the docstring is its help.

    `key` names the columns that a cell is recognised by, `columns` all columns but those of `PROVENANCE`, `shown`
    the columns that the command prints, formats after a colon, and `quick` the options of a short run.
    """

    name: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]]
    shown: ClassVar[str]
    quick: ClassVar[Row]
    free: ClassVar[tuple[str, ...]] = ()
    """Options that only choose cells or say how long they are timed; the rows of a file agree in all others."""
    resumes: ClassVar[bool] = False
    """Whether the command goes on with the rows of its file unless it is told not to."""

    threads: int | None = option(
        None, "threads to compute with (default: as many as PyTorch takes)", least=1, most=MOST_THREADS
    )

    def cells(self) -> Iterator[Cell]:
        """Yield what is measured, cell by cell."""
        raise NotImplementedError

    def title(self, row: Row) -> str:
        """Return the title of the table that shows a cell with this first row."""
        raise NotImplementedError

    def step(self, question: Question) -> Callable[[], object] | None:
        """Build, in a process that measures memory, what a question asks for; None: it cannot be built here."""
        raise NotImplementedError

    def state(self) -> str:
        """Return what else all rows have in common, in words, after processor and threads."""
        return ""

    def verdict(self, rows: Sequence[Row]) -> tuple[str, int]:
        """Return a last sentence about all rows, and the exit code of the command."""
        return "", 0

    def command(self) -> str:
        """Return the command that measures the same: the options that differ from their defaults."""
        words = ["sqnn", "bench", self.name]
        for field in fields(self):
            value = vars(self)[field.name]
            if value != field.default:
                flag = field.name.replace("_", "-")
                words += (
                    [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value, bool) else [f"--{flag}", str(value)]
                )
        return shlex.join(words)

    def run(
        self, out: Path | None = None, *, before: Sequence[Row] = (), minutes: float | None = None
    ) -> Iterator[list[Row]]:
        """Measure cell by cell, yield the rows of each, and write all of them to the CSV file `out` after each cell.

        Cells whose rows are there `before` are not measured again, and no cell is begun after so many minutes. On the
        CPU the process keeps memory that is freed, as it does in training. ConfigError where rows are those of another
        computation.
        """
        import torch

        from sqnn.training import keep_freed_memory

        if self.threads is not None:
            torch.set_num_threads(self.threads)
        keep_freed_memory()
        self._check_same(before)
        start, names, rows = time.monotonic(), (*self.columns, *PROVENANCE), list(before)
        done = {_name(row, self.key) for row in rows}
        for cell in self.cells():
            if _name(cell.key, self.key) in done:
                continue
            if minutes is not None and time.monotonic() - start > 60 * minutes:
                return
            common = provenance(self.command())
            measured = [{name: {**cell.key, **row, **common}.get(name) for name in names} for row in cell.measure()]
            rows += measured
            if out is not None:
                try:
                    write_text(out, _csv(rows, names))
                except WriteError as error:
                    raise ConfigError(f"out: {error}") from error
            yield measured

    def _check_same(self, rows: Sequence[Row]) -> None:
        """Raise ConfigError where rows were measured with other options than these, but for free ones.

        Rows of old files do not name their command; it had no options but perhaps a number of threads.
        """
        ours = self._computation(self.command())
        for command in dict.fromkeys(row.get("command") for row in rows):
            unnamed = {"threads": ours["threads"]} if "threads" in ours else {}
            theirs = self._computation(str(command)) if command else unnamed
            for name in {**ours, **theirs}:
                if ours.get(name) != theirs.get(name):
                    stored, asked = (options.get(name) or "the default" for options in (theirs, ours))
                    difference = f"{name}: {stored} there, {asked} here"
                    raise ConfigError(f"out: holds rows of another computation ({difference}); choose another file")

    def _computation(self, command: str) -> dict[str, str | None]:
        """Return the options of a command, but for free ones, as texts by name."""
        options: dict[str, str | None] = {}
        for word in shlex.split(command)[3:]:
            if word.startswith("--"):
                name = word.removeprefix("--").removeprefix("no-").replace("-", "_")
                options[name] = "no" if word.startswith("--no-") else "yes"
            elif options:
                options[next(reversed(options))] = word
        return {name: text for name, text in options.items() if name not in self.free}


@dataclass(frozen=True, kw_only=True)
class TimedBenchmark(Benchmark):
    """Base of benchmarks whose computations take turns on a device."""

    budget: float = option(2.0, "seconds of timing for each computation", above=0)
    device: str = option("cpu", "torch device: cpu, cuda")

    def validate(self) -> None:
        check_device(self.device)

    def state(self) -> str:
        return f"{self.device}, float32"


@dataclass(frozen=True, kw_only=True)
class ImageBenchmark(TimedBenchmark):
    """Base of benchmarks of networks on a batch of random images, whose sizes `create_model` reads from here."""

    data_shape: str = option("1x28x28", "channels x height x width of an image")
    classes: int = option(10, "number of classes")
    batch: int = option(128, "images of a step", least=2)
    memory: bool = option(True, "measure peak memory too (CPU: in a process of its own)")

    def validate(self) -> None:
        super().validate()
        image_shape(self.data_shape)

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return image_shape(self.data_shape)[0]

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of an image in pixels."""
        return image_shape(self.data_shape)[1]

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.classes

    def images(self, number: int = 0) -> Tensor:
        """Return a batch of random images, always the same for a number."""
        import torch

        shape = (self.batch, self.in_channels, *self.image_size)
        return torch.rand(shape, generator=torch.Generator().manual_seed(number))

    def peaks(self, questions: Sequence[Question]) -> list[float | None]:
        """Return the peak memory of what `step` builds for each question; None everywhere where it is not asked for."""
        from sqnn.bench.memory import peaks_mib

        return peaks_mib(self, questions) if self.memory else [None] * len(questions)


def read_rows(path: Path, key: Iterable[str]) -> list[Row]:
    """Return the rows of a CSV file, none where there is no file; ConfigError where a column of the key is missing."""
    if not path.exists():
        return []
    try:
        table = csv.DictReader(io.StringIO(read_text(path)), strict=True)
        missing = [name for name in key if name not in (table.fieldnames or ())]
        if missing:
            raise ConfigError(f"out: {path} has no column {missing[0]}, expected a table of this benchmark")
        rows = list(table)
        if any(None in row or None in row.values() for row in rows):
            raise ValueError("rows of other lengths than the first line")
    except ConfigError:
        raise
    except (ValueError, csv.Error, OSError) as error:
        raise ConfigError(f"out: {path} is damaged ({reason(error)}); choose another file") from error
    return [{name: text or None for name, text in row.items()} for row in rows]


def image_shape(text: str) -> tuple[int, tuple[int, int]]:
    """Return channels, and height and width, of a text such as 1x28x28; ConfigError on any other."""
    fits = re.fullmatch(r"[0-9]{1,6}x[0-9]{1,6}x[0-9]{1,6}", text) is not None
    require(fits, "data_shape", text, "channels, height and width such as 1x28x28")
    channels, height, width = (int(part) for part in text.split("x"))
    return channels, (height, width)


def names_of(text: str) -> list[str]:
    """Return the parts of a text with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(name: str, text: str) -> list[int]:
    """Return the positive whole numbers of a text with commas; ConfigError on any other."""
    parts = names_of(text)
    fits = bool(parts) and all(re.fullmatch(r"0*[1-9][0-9]*", part) for part in parts)
    require(fits, name, text, "whole numbers with commas, such as 2,4,9")
    return [int(part) for part in parts]


def same_cell(row: Mapping[str, Value], cell: Cell, key: Iterable[str]) -> bool:
    """Say whether a row, as measured or as read from a file, is one of a cell; `key` names the columns that tell."""
    names = tuple(key)
    return _name(row, names) == _name(cell.key, names)


def _name(row: Mapping[str, Value], key: Iterable[str]) -> tuple[str, ...]:
    """Return a cell's columns as a file spells them."""
    return tuple("" if row[name] is None else str(row[name]) for name in key)


def _csv(rows: Iterable[Row], names: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
