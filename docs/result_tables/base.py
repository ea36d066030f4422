"""Tables and numbers by name, and the pieces they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"


tables: dict[str, Callable[[], str]] = {}
numbers: dict[str, Callable[[], str]] = {}


@cache
def rows(name: str) -> pd.DataFrame:
    """Return one file of results."""
    return pd.read_csv(RESULTS / f"{name}.csv")


def table(name: str, source: str, command: str | Callable[[], str]) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Register a table, followed by the command that made its rows and by where they were measured.

    The command is a text, or a function that reads it off the rows.
    """

    def register(make: Callable[[], str]) -> Callable[[], str]:
        def whole() -> str:
            words = command if isinstance(command, str) else command()
            return f"{make()}\n\n{provenance(source, words)}"

        tables[name] = whole
        return make

    return register


def number(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Register a single number."""

    def register(make: Callable[[], str]) -> Callable[[], str]:
        numbers[name] = make
        return make

    return register


def provenance(source: str, command: str) -> str:
    """Return one line: the command, the file of rows, and the commit, machine and threads of the measurement."""
    frame = rows(source)
    facts = [f"{column}: {recorded(frame, column)}" for column in ("commit", "machine", "threads")]
    return f"*Measured by* `{command}`; *[every row](../../benchmarks/results/{source}.csv); {'; '.join(facts)}.*"


def recorded(frame: pd.DataFrame, column: str) -> str:
    """Return the values of a column in words."""
    if column not in frame or frame[column].isna().all():
        return "not recorded"
    values = ", ".join(dict.fromkeys(plain(value) for value in frame[column].dropna()))
    return f"{values} (some rows: not recorded)" if frame[column].isna().any() else values


def plain(value: object) -> str:
    """Return a value as text, whole numbers without a decimal point."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def markdown(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rows = [*body]
    if not rows:
        raise ValueError(f"a table without rows: {' | '.join(header)}")
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def percent(value: float, digits: int = 2) -> str:
    """Return a fraction as a percentage that no line break divides, and a dash where nothing was measured."""
    return "-" if pd.isna(value) else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def bold(text: str) -> str:
    """Return text in bold."""
    return f"**{text}**"
