"""The folder of a study: its settings, its table, and the lock of the process at work in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqnn.core import (
    InUseError,
    RecordError,
    Row,
    WriteError,
    check_writable,
    folder_lock,
    read_record,
    remove_partials,
    write_record,
)
from sqnn.studies.runner.study import AnyStudy
from sqnn.studies.runner.table import StudyTable, TableError

RUNS = Path("runs")
SETTINGS = "settings.yaml"


@dataclass(frozen=True)
class RowsFolder:
    """The folder of a study of one kind; what was written last is whole, whenever the writer was killed."""

    path: Path
    study: type[AnyStudy]

    @property
    def table(self) -> StudyTable:
        """The results table."""
        return StudyTable(
            self.path / (self.study.file or f"{self.study.name}.csv"), self.study.schema(), "out", self.study.again
        )

    @property
    def picture(self) -> Path:
        """The picture of the rows."""
        return self.path / f"{self.study.name}.png"

    def holds(self) -> object:
        """Return the description of the study in the folder: None where nothing is, {} where it is something else.

        RunError where there is a file instead of a folder, or where what is there cannot be read.
        """
        from sqnn.training import RunError

        settings = self.path / SETTINGS
        try:
            if not any(path.name[0] != "." for path in self.path.iterdir()):
                return None
            return read_record(settings, mend="choose another folder")
        except FileNotFoundError:
            return {} if self.path.exists() else None
        except NotADirectoryError as error:
            if self.path.is_file():
                raise RunError(f"out: {self.path} is a file, expected a folder") from error
            return None
        except OSError as error:
            raise RunError(f"out: cannot read {error.filename} ({error.strerror}); choose another folder") from error
        except RecordError as error:
            raise RunError(f"out: {error}") from error

    @contextlib.contextmanager
    def open(self, description: Mapping[str, object]) -> Iterator[None]:
        """Begin the study described, or go on with it; nobody else can do so until the block ends.

        A study that several processes may work in has no lock but that of its table. RunError where the folder holds
        something else, cannot be written, or is in use.
        """
        from sqnn.training import RunError

        self._check_same(description)  # a folder of something else gets no lock
        with contextlib.ExitStack() as stack:
            try:
                if not self.study.shared:
                    stack.enter_context(folder_lock(self.path))
                    self._check_same(description)
                remove_partials(self.path)
                check_writable(self.picture)
                write_record(self.path / SETTINGS, description)
            except (InUseError, WriteError) as error:
                raise RunError(f"out: {error}") from error
            yield

    def _check_same(self, description: Mapping[str, object]) -> None:
        """Raise RunError where the folder holds something else than the study described."""
        from sqnn.training import RunError

        content = self.holds()
        if content is not None and (difference := self.study.difference(content, description)):
            advice = "choose another folder, or add to a table with --table" if self.study.shared else "choose another"
            raise RunError(
                f"out: {self.path} holds something else than this {self.study.noun} ({difference}); {advice}"
            )

    def rows(self) -> list[Row]:
        """Return the rows of the finished cells; RunError where the table is damaged."""
        with run_errors():
            return self.table.rows()


@contextlib.contextmanager
def run_errors() -> Iterator[None]:
    """Within the block, errors of a folder's table are errors of the run."""
    from sqnn.training import RunError

    try:
        yield
    except TableError as error:
        raise RunError(str(error)) from error
