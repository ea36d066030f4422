"""The declaration of a study: options, cells, the measurement of a cell, and the summary of the rows."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from noise_models import did_you_mean
from sqnn.core import Config, ConfigError, Limits, Row, require
from sqnn.studies.runner.table import Kind, Schema, StudyTable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sqnn.studies.runner.frame import StudyFrame

Subject = TypeVar("Subject")
Cell = TypeVar("Cell")


OPTIONS = ("network", "training")
"""Parts of a description whose options may differ between versions."""
DIGEST = "sha256"
"""What stands for weights or images in a description; it is never an option."""
LONGEST = 60
"""Characters of a setting that an error shows."""


class Panel(NamedTuple):
    """A table to be printed."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(Config, Generic[Subject, Cell]):
    """Base of all studies: the fields are its options, with help and limits; the runner does the rest.

    A study names its `columns` with the kinds of their values, and the `key` by which its rows are distinguished.
    `cells` lists what is to be measured of a subject, `measure` returns the row, or the rows, of one cell without the
    columns that `identify` and `shared_columns` give. Options in `axes` only add cells: the same folder takes more of
    their values.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    columns: ClassVar[Mapping[str, Kind]]
    key: ClassVar[tuple[str, ...]]
    figure: ClassVar[str] = ""
    """The function that draws the rows, as module:name; it is imported when a picture is asked for."""
    rows_class: ClassVar[str] = "sqnn.studies.runner.frame:StudyFrame"
    """The class of the rows' object, as module:name."""
    axes: ClassVar[tuple[str, ...]] = ()
    file: ClassVar[str] = ""
    """The table in the study's folder, if not <name>.csv."""
    takes: ClassVar[str] = "nothing"
    """What the command is given: nothing, data, sets (of data), network (with data) or networks (with data)."""
    flags: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """Further names of options, such as --qubits for n_qubits."""
    texts: ClassVar[Mapping[str, object]] = MappingProxyType({})
    """Options that the command reads as another type than the field's, which the study parses itself."""
    older: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Columns of tables of earlier versions that are still read and appended to."""
    again: ClassVar[str] = "the same command measures it again"
    """How rows come back that are removed from a damaged table."""
    noun: ClassVar[str] = "study"
    processes: ClassVar[int | None] = 0
    """Processes that measure by default; None is one per core."""
    trains: ClassVar[bool] = False
    """The options of networks and of the training loop are options of the study, which `read` puts into `settings`."""
    timed: ClassVar[bool] = False
    """Wall times are a result: nothing runs beside a measurement, and a finished study is measured anew."""
    shared: ClassVar[bool] = False
    """Several processes may work in one folder, and several studies may append to one table."""
    needs_folder: ClassVar[bool] = False
    """The cells write files of their own."""
    alone: ClassVar[bool] = False
    """The command is one of its own, not one of `sqnn study`."""
    even: ClassVar[bool] = True
    """The cells take similar times, so that those that are finished tell how long the others take."""

    def validate(self) -> None:
        """Drop names that are given twice; ConfigError where a list of choices is empty."""
        for field in dataclasses.fields(self):
            limits: Limits | None = field.metadata.get("limits")
            value: object = vars(self)[field.name]
            if isinstance(value, tuple) and limits is not None and limits.among is not None:
                require(bool(value), field.name, value, f"some of {', '.join(limits.among)}")
                object.__setattr__(self, field.name, tuple(dict.fromkeys(value)))

    @classmethod
    def read(cls, values: Mapping[str, object]) -> Self:
        """Build from options by name; lists may be text with commas. ConfigError on an unknown option."""
        kinds = typing.get_type_hints(cls)
        known = [field.name for field in dataclasses.fields(cls)]
        options = {}
        for name, value in values.items():
            if name not in known:
                near = did_you_mean(name, known) or f"; it has {', '.join(known)}"
                raise ConfigError(f"{name}: no such option of this {cls.noun}{near}")
            options[name] = value if name in cls.texts else _split(value, kinds[name])
        return cls.from_dict(options)

    def prepare(self, *subject: Any) -> Subject:
        """Return what is measured, checked and made ready; raises before anything is written."""
        return typing.cast(Subject, None)

    def cells(self, subject: Subject) -> list[Cell]:
        """List the cells in their order."""
        raise NotImplementedError

    def measure(self, cell: Cell, subject: Any) -> Row | list[Row]:
        """Return the row or the rows of one cell, of a subject as `share` hands it out."""
        raise NotImplementedError

    def identify(self, cell: Cell) -> Row:
        """Return the columns that tell the rows of this cell from those of others."""
        return typing.cast(NamedTuple, cell)._asdict()

    def shared_columns(self, subject: Subject, cell: Cell) -> Row:
        """Return further columns that the cell's rows have in common with those of other cells."""
        return {}

    def threads_of(self, cell: Cell) -> int:
        """Return in how many threads a cell is measured; by default as many cells run at once as cores hold of them."""
        return 1

    def share(self, subject: Subject, cells: Sequence[Cell], folder: Path | None) -> list[tuple[Any, Cell]]:
        """Pair the cells with what they are measured of; what is the same object travels to a worker once."""
        return [(subject, cell) for cell in cells]

    def tell(self, cell: Cell, rows: Sequence[Row]) -> str:
        """Return the line that progress shows after a cell."""
        return ", ".join(str(value) for value in self.identify(cell).values() if value != "")

    def describe(self, subject: Subject) -> dict[str, object]:
        """Return, as plain values, what all cells of one folder have in common."""
        return {"study": self.name, **{name: v for name, v in self.to_dict().items() if name not in self.axes}}

    @classmethod
    def difference(cls, stored: object, description: Mapping[str, object]) -> str:
        """Return the first setting in which what a folder holds is not the study described; "" where it is.

        Options of a network or of training that another version had besides, or did not have yet, are at their
        defaults.
        """
        if not isinstance(stored, Mapping) or not stored:
            return "no settings of a study"
        for name in (*description, *(name for name in stored if name not in description)):
            one, other, where = stored.get(name), description.get(name), name
            if isinstance(one, Mapping) and isinstance(other, Mapping):
                names = [part for part in {**other, **one} if one.get(part) != other.get(part)]
                if name in OPTIONS:
                    names = [part for part in names if part == DIGEST or (part in one and part in other)]
                if not names:
                    continue
                one, other = one.get(names[0]), other.get(names[0])
                where = f"{name}.{DIGEST}" if names[0] == DIGEST else names[0]
            if one != other:
                return f"{where}: {_briefly(one)} there, {_briefly(other)} asked"
        return ""

    @classmethod
    def agrees(cls, stored: object, description: Mapping[str, object]) -> bool:
        """Say whether what a folder holds is the study described."""
        return not cls.difference(stored, description)

    @classmethod
    def flaw(cls, row: Row) -> str:
        """Return what is wrong with a row that was read: a number that is missing, an accuracy that is none."""
        if any(row[name] is None for name, kind in cls.columns.items() if kind in (int, float)):
            return "a row without all of its numbers"
        accuracies = [row[name] for name in cls.columns if "accuracy" in name]
        inside = all(0 <= value <= 1 for value in accuracies if isinstance(value, float))
        return "" if inside else "an accuracy outside [0, 1]"

    @classmethod
    def schema(cls) -> Schema:
        """Return the schema of the study's table."""
        return Schema(cls.columns, cls.key, cls.older, cls.flaw)

    @classmethod
    def table(cls, path: str | Path) -> StudyTable:
        """Return the results table at a path."""
        return StudyTable(Path(path), cls.schema())

    @classmethod
    def frame_class(cls) -> type[StudyFrame]:
        """Return the class of the rows' object."""
        kind: type[StudyFrame] = _named(cls.rows_class)
        return kind

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        """Return what the rows say in short; by default the rows themselves."""
        return rows

    @classmethod
    def plot(cls, rows: pd.DataFrame, **options: object) -> Figure:
        """Return the picture of the rows; `options` are those of the function that `figure` names."""
        figure: Figure = _named(cls.figure)(rows, **options)
        return figure

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        """Yield the lines and tables that the command prints; by default the summary."""
        short = cls.summary(rows)
        yield Panel(
            cls.title, list(short.columns), [list(map(_plainly, line)) for line in short.itertuples(index=False)]
        )

    @classmethod
    def papers(cls, rows: pd.DataFrame) -> dict[str, str]:
        """Return tables for a paper, by the ending of the file beside the rows that the command writes; none here."""
        return {}


AnyStudy = Study[Any, Any]


def _named(reference: str) -> Any:
    """Return what module:name stands for."""
    module, name = reference.split(":")
    return vars(importlib.import_module(module))[name]


def _split(value: object, hint: object) -> object:
    """Return a text as the list that a field of this type takes; what is no text, or does not parse, stays."""
    lists = [part for part in (hint, *typing.get_args(hint)) if typing.get_origin(part) is tuple]
    if not isinstance(value, str) or not lists:
        return value
    kind = typing.get_args(lists[0])[0]
    with contextlib.suppress(ValueError):
        return tuple(kind(part.strip()) for part in value.split(",") if part.strip())
    return value


def _briefly(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _plainly(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
