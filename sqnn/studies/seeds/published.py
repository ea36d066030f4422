"""Published figures: the trainings of record with the settings of a run, and where the run lies among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqnn.core import ConfigError, Row
from sqnn.studies.seeds.settings import as_text, from_text
from sqnn.studies.seeds.study import SeedStudy
from sqnn.training import RunSettings


class Published(NamedTuple):
    """The test accuracies that are published for some settings, fractions, and how they were measured."""

    n: int
    mean: float
    least: float
    largest: float
    threads: str
    machine: str

    def place(self, accuracy: float) -> str:
        """Return where an accuracy lies: inside the range, below it or above it."""
        if self.least <= accuracy <= self.largest:
            return "inside the published range"
        return "below the published range" if accuracy < self.least else "above the published range"

    def __str__(self) -> str:
        return (
            f"{self.n} trainings, mean {self.mean:.2%}, {self.least:.2%} to {self.largest:.2%} "
            f"(threads {self.threads}; {self.machine})"
        )


def published_range(settings: RunSettings, table: str | Path) -> Published | str:
    """Return what a seed study's table has for the settings of a run, or in words why it has nothing.

    The settings agree where network, data and every setting of the training do, but for seed and threads; one that
    only one of two versions had is at its default. Raises ConfigError where there is no such table, and TableError
    where the file is something else.
    """
    path = Path(table)
    if not path.is_file():
        mend = "check the spelling and the current folder"
        raise ConfigError(f"expect: no file {path}, expected the rows.csv of a seed study; {mend}")
    rows = [row for row in SeedStudy.table(path).rows() if row["test_accuracy"] is not None]
    asked = {"data": str(settings.data.get("name")), **from_text(as_text(settings))}
    differences = [_difference({"data": str(row["data"]), **from_text(str(row["settings"]))}, asked) for row in rows]
    same = [row for row, difference in zip(rows, differences, strict=True) if not difference]
    if not same:
        nearest = min(differences, key=len, default={})
        words = [f"{name}: {there} there, {here} here" for name, (there, here) in nearest.items()]
        return f"no figure is published for these settings ({', '.join(words) or 'the table is empty'})"
    return _published(same)


def _published(rows: Sequence[Row]) -> Published:
    accuracies = [float(str(row["test_accuracy"])) for row in rows]
    threads = ", ".join(map(str, sorted({int(str(row["threads"])) for row in rows})))
    machines = dict.fromkeys(f"{row['machine']}, {row['cores']} cores" for row in rows)
    mean = sum(accuracies) / len(accuracies)
    return Published(len(rows), mean, min(accuracies), max(accuracies), threads, "; ".join(machines))


def _difference(stored: Mapping[str, str], asked: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the settings that differ, of those that both have."""
    return {name: (stored[name], asked[name]) for name in stored if stored[name] != asked.get(name, stored[name])}
