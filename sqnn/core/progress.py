"""Progress output: a bar in a terminal, some lines where the output goes to a file."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

LINES = 20
"""About how many lines a sweep prints where there is no terminal."""

Tick = Callable[[str], None]


@contextlib.contextmanager
def sweep_progress(total: int, shown: bool, noun: str = "cell", even: bool = True) -> Iterator[Tick]:
    """Give a function to call with the name of each finished cell, or of what else `noun` says.

    A terminal shows the time that is left where cells are `even`, else the time that has passed: of cells that take
    unequal times, those that are finished say nothing of the others.
    """
    if not shown or not total:
        yield lambda name: None
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        # A notebook is no terminal and gets lines: rich's bar there needs a package that may be missing.
        clock = TimeRemainingColumn() if even else TimeElapsedColumn()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), clock)
        with Progress(*columns, console=Console(highlight=False, force_jupyter=False), transient=True) as bar:
            task = bar.add_task("starting", total=total)
            yield lambda name: bar.update(task, advance=1, description=name)
    else:
        yield _lines(total, noun)


def _lines(total: int, noun: str) -> Tick:
    done = 0
    every = -(-total // LINES)

    def tick(name: str) -> None:
        nonlocal done
        done += 1
        if done % every == 0 or done == total:
            print(f"{noun} {done:,} of {total:,}: {name}", flush=True)

    return tick
