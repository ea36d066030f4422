"""What the studies' commands share: settings by name, the folder they write to, their pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from sqnn.core import ConfigError, whole_file
from sqnn.studies import RowsFolder
from sqnn.training import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUNS = Path("runs")
Study = TypeVar("Study")


def configure(kind: type[Study], settings: dict[str, Any], lists: Sequence[str], beside: Sequence[str]) -> Study:
    """Return the study that the settings describe, those in `lists` being names with commas.

    ConfigError names a setting that does not exist, and lists the fields of the study and the options `beside` it.
    """
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for name in settings:
        if name not in known:
            raise ConfigError(f"{name}: no such option of this study; it has {', '.join([*known, *beside])}")
    return kind(**{name: names(name, value) if name in lists else value for name, value in settings.items()})


def names(option: str, value: Any) -> tuple[str, ...]:
    """Return the names in a text with commas, or in a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, Iterable):
        return tuple(map(str, value))
    raise ConfigError(f"{option}: got {value!r}, expected names with commas")


def fresh_folder(name: str, out: Any) -> Path:
    """Return the folder asked for, or the first free runs/<name>-<n>; RunError where it holds files already."""
    if out is None:
        number = 1
        while (RUNS / f"{name}-{number}").exists():
            number += 1
        return RUNS / f"{name}-{number}"
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"out: {folder} is not empty; choose another folder")
    return folder


def study_folder(kind: type[RowsFolder], name: str, out: Any, description: Mapping[str, Any]) -> Path:
    """Return the folder asked for, or the first runs/<name>-<n> that is free or holds this very study."""
    if out is not None:
        return Path(out)
    number = 1
    while kind(RUNS / f"{name}-{number}").holds() not in (None, description):
        number += 1
    return RUNS / f"{name}-{number}"


def make_folder(folder: Path) -> None:
    """Make the folder; RunError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"out: cannot write {folder} ({error.strerror}); choose a writable folder") from error


def save_figure(path: Path, figure: Figure) -> None:
    """Write a picture that appears whole or not at all."""
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", dpi=150)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON takes them, which has no nan: None in the place of what is missing."""
    plain = frame.astype(object)
    rows: Any = plain.where(plain.notna(), None).to_dict("records")
    return list(rows)
