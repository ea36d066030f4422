"""The label of a network, kept beside its runs, by which they are known again."""

from __future__ import annotations

from pathlib import Path

from sqnn.core import read_text, write_text

LABEL = "label.txt"
"""Name of the file, in the folder that holds the runs of one network."""


def name_folder(place: Path, label: str) -> None:
    """Keep the label in a folder of runs that has none yet."""
    if not (place / LABEL).is_file():
        write_text(place / LABEL, f"{label}\n")


def label_beside(run: Path) -> str | None:
    """Return the label of the folder that holds a run, None where it has none."""
    file = run.resolve().parent / LABEL
    return read_text(file).strip() or None if file.is_file() else None
