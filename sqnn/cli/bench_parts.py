"""What the commands of `sqnn bench` share."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqnn.cli.device import check_device
from sqnn.cli.output import check_file, check_json, console
from sqnn.core import write_text


class Noted(Protocol):
    """A row of a benchmark: `note` says why it was not measured, and is empty where it was."""

    @property
    def name(self) -> str: ...

    @property
    def note(self) -> str: ...


def check_bench(out: Path | None, json: Path | None, budget: float, device: str = "cpu") -> None:
    """Raise ValueError, before anything is measured, where a file, the device or the seconds of timing do not do."""
    check_json(json)
    check_file("out", out)
    check_device(device)
    if not (math.isfinite(budget) and budget > 0):
        raise ValueError(f"budget: got {budget}, expected a positive number of seconds")


def image_shape(text: str) -> tuple[int, tuple[int, int]]:
    """Return channels, and height and width, of a text such as 1x28x28; ValueError on any other."""
    if not re.fullmatch(r"[0-9]{1,6}x[0-9]{1,6}x[0-9]{1,6}", text):
        raise ValueError(f"data_shape: got {text!r}, expected channels, height and width such as 1x28x28")
    channels, height, width = (int(part) for part in text.split("x"))
    return channels, (height, width)


def write_rows(out: Path | None, rows: Iterable[Mapping[str, Any]], whole: Sequence[str] = ()) -> None:
    """Write rows to a CSV file where the user asked for it, whole or not at all.

    `whole` names columns of whole numbers that some rows lack.
    """
    import pandas as pd

    if out is not None:
        write_text(out, pd.DataFrame(list(rows)).astype(dict.fromkeys(whole, "Int64")).to_csv(index=False))


def print_notes(timings: Iterable[Noted]) -> None:
    """Say of each row that was not measured why."""
    for timing in timings:
        if timing.note:
            console.print(f"{timing.name}: {timing.note}")


def number(value: float | None, form: str) -> str:
    """Return a number in a format, and a dash where there is none."""
    return "-" if value is None else format(value, form)
