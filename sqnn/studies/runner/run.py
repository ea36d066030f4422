"""The one runner: every cell of a study is measured once, here or on a cluster, even after a kill."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqnn.core import Row, check_kernels, counted, no_exit, reason, require, sweep_progress
from sqnn.studies.runner.cluster import check_cluster, run_tasks
from sqnn.studies.runner.folder import RUNS, RowsFolder, run_errors
from sqnn.studies.runner.frame import StudyFrame
from sqnn.studies.runner.study import AnyStudy, Study
from sqnn.studies.runner.subject import check_subject
from sqnn.studies.runner.table import StudyTable

if TYPE_CHECKING:
    import pandas as pd

S = TypeVar("S")
C = TypeVar("C")
MOST_REASONS = 5
"""Reasons of failures beside the first that an error names."""


class StudyError(ValueError):
    """Cells that could not be measured: one line naming the first of them and why.

    `finished` are the rows of the others, as `run_study` would have returned them.
    """

    finished: StudyFrame | None = None


def run_study(
    study: AnyStudy,
    *subject: object,
    out: str | Path | None = None,
    keep: bool = False,
    table: str | Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: bool = True,
    announce: Callable[[str], None] | None = None,
) -> StudyFrame:
    """Measure the cells of a study that its folder or `table` lacks; return the rows of all of them.

    `subject` is what the study is of (data, a network, nothing), `out` the folder of settings and
    rows; without it, `keep` takes the first runs/<name>-<n> that is free or holds this very study, and nothing is
    written otherwise. The cells are measured by the Dask cluster of `scheduler` (its address), or by `workers`
    processes of this machine, or in this process. `announce` is called with a line that says where the rows are.

    Raises ValueError before anything is measured where something does not fit, StudyError after the last measurement
    where some failed; the others are on the disk then.
    """
    if study.timed and (scheduler is not None or workers):
        name, value, expected = ("workers", workers, 0) if scheduler is None else ("scheduler", scheduler, None)
        require(False, name, value, f"{expected}: times are measured one after the other, in this process")
    for option, where, what in (("out", out, "a folder"), ("table", table, "a file")):
        require(where is None or isinstance(where, str | Path), option, where, f"the path of {what}")
    check_subject(study.name, study.takes, subject)
    check_kernels()
    workers = study.processes if workers is None and scheduler is None else workers
    there = check_cluster(scheduler, workers)
    shared = None if table is None else study.table(table)
    if shared is not None:
        shared.rows()  # what is no table shows itself before a folder is made
    if out is not None:
        RowsFolder(Path(out), type(study)).holds()  # and so does what is no folder
    prepared = study.prepare(*subject)
    cells = study.cells(prepared)
    if there == 0 and progress:
        print(f"the scheduler at {scheduler} has no workers yet; waiting for them", flush=True)
    description = study.describe(prepared)
    options: dict[str, object] = {"study": {**study.to_dict(), **description}}
    settings = options if "study" in description else description
    folder = _folder(study, description, cells, out, (keep and shared is None) or study.needs_folder)
    with contextlib.ExitStack() as stack:
        if folder is not None:
            stack.enter_context(folder.open(description))
        if shared is None and folder is not None:
            stack.enter_context(run_errors())
            shared = folder.table
        if announce is not None and shared is not None:
            announce(f"{counted(len(cells), 'cell')}; rows: {shared.path}")
        place = None if folder is None else folder.path
        path = None if shared is None else shared.path
        try:
            frame = measure_cells(study, cells, prepared, shared, place, scheduler, workers, progress)
        except StudyError as error:
            if error.finished is not None:
                rows = error.finished.frame
                error.finished = study.frame_class()(rows, type(study), path, folder, settings)
            raise
    return study.frame_class()(frame, type(study), path, folder, settings)


def measure_cells(
    study: Study[S, C],
    cells: Sequence[C],
    subject: S,
    table: StudyTable | None = None,
    folder: Path | None = None,
    scheduler: str | None = None,
    workers: int | None = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Make the measurements that the table lacks; return the rows of all cells in their order.

    Raises StudyError, with the rows of the others, where cells failed.
    """
    if table is not None:
        table.append([])  # what cannot be written shows itself now
    schema = study.schema()
    names = tuple(study.identify(cells[0])) if cells else ()
    by_key = {schema.row_key(study.identify(cell), names): cell for cell in cells}
    rows: dict[tuple[str, ...], dict[tuple[str, ...], Row]] = {key: {} for key in by_key}
    for row in table.rows() if table is not None else ():
        rows.get(schema.row_key(row, names), {}).setdefault(schema.row_key(row), row)
    missing = [cell for key, cell in by_key.items() if not rows[key]]
    failed: list[tuple[C, Exception]] = []
    with sweep_progress(len(missing), progress, even=study.even) as tick:
        for outcomes in _measured(study, subject, missing, folder, scheduler, workers):
            finished: list[Row] = []
            for cell, value in outcomes:
                if isinstance(value, Exception):
                    failed.append((cell, value))
                    continue
                parts = value if isinstance(value, list) else [value]
                common = {**study.shared_columns(subject, cell), **study.identify(cell)}
                parts = [{**common, **part} for part in parts]
                rows[schema.row_key(common, names)] = {schema.row_key(part): part for part in parts}
                finished += parts
                tick(study.tell(cell, parts))
            if table is not None:
                table.append(finished)
    frame = schema.frame(row for key in by_key for row in rows[key].values())
    if failed:
        failure = _failure(study, failed, len(frame), table)
        failure.finished = study.frame_class()(frame, type(study))
        raise failure from failed[0][1]
    return frame


def _measured(
    study: Study[S, C],
    subject: S,
    missing: Sequence[C],
    folder: Path | None,
    scheduler: str | None,
    workers: int | None,
) -> Iterator[list[tuple[C, Row | list[Row] | Exception]]]:
    """Yield cells with their rows, or with the error they failed by, some at a time."""
    if not missing:
        return
    pairs = study.share(subject, missing, folder)
    shared = {id(part): part for part, _ in pairs}
    numbers = {name: number for number, name in enumerate(shared)}
    call = functools.partial(_call, study.measure)
    for threads in dict.fromkeys(map(study.threads_of, missing)):
        group = [
            (cell, part) for cell, (part, _) in zip(missing, pairs, strict=True) if study.threads_of(cell) == threads
        ]
        tasks = [(numbers[id(part)], cell) for cell, part in group]
        every = list(shared.values())
        for outcomes in run_tasks(call, every, tasks, scheduler=scheduler, workers=workers, threads=threads):
            yield [(group[number][0], value) for number, value in outcomes]


def _call(measure: Callable[[C, S], Row | list[Row]], shared: S, cell: C) -> Row | list[Row]:
    with no_exit("study: code of your own"):
        return measure(cell, shared)


def _folder(
    study: AnyStudy, description: Mapping[str, object], cells: Sequence[object], out: str | Path | None, keep: bool
) -> RowsFolder | None:
    """Return the folder asked for, or the first runs/<name>-<n> that is free or holds this very study."""
    from sqnn.training import RunError

    if out is not None:
        return RowsFolder(Path(out), type(study))
    if not keep:
        return None
    for number in itertools.count(1):
        folder = RowsFolder(RUNS / f"{study.name}-{number}", type(study))
        try:
            content = folder.holds()
        except RunError:  # something else lies there
            continue
        if content is None:
            break
        if study.agrees(content, description) and not (study.timed and _finished(study, cells, folder)):
            break
    return folder


def _finished(study: AnyStudy, cells: Sequence[object], folder: RowsFolder) -> bool:
    if not folder.picture.is_file():  # the last file of a study
        return False
    schema, names = study.schema(), tuple(study.identify(cells[0]))
    stored = {schema.row_key(row, names) for row in folder.rows()}
    return all(schema.row_key(study.identify(cell), names) in stored for cell in cells)


def _failure(
    study: Study[S, C], failed: Sequence[tuple[C, Exception]], finished: int, table: StudyTable | None
) -> StudyError:
    cell, error = failed[0]
    others = f", and so did {counted(len(failed) - 1, 'other')}" if len(failed) > 1 else ""
    different = [text for text in dict.fromkeys(reason(one) for _, one in failed) if text != reason(error)]
    if different:
        others += f" ({'; '.join(different[:MOST_REASONS])}{'; ...' if different[MOST_REASONS:] else ''})"
    stored = f"; {finished:,} finished rows are in {table.path}" if table is not None else ""
    named = study.tell(cell, [])
    return StudyError(f"{study.noun}: the cell {named} failed ({reason(error)}){others}{stored}")
