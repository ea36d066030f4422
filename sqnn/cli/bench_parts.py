"""What the commands of `sqnn bench` share."""

from __future__ import annotations

import math
import re
from pathlib import Path

from sqnn.cli.device import check_device
from sqnn.cli.output import check_json


def check_bench(out: Path | None, json: Path | None, device: str, budget: float) -> None:
    """Raise ValueError, before anything is measured, where a file, the device or the seconds of timing do not do."""
    check_json(json)
    if out is not None and out.is_dir():
        raise ValueError(f"out: {out} is a folder, expected the name of a file")
    check_device(device)
    if not (math.isfinite(budget) and budget > 0):
        raise ValueError(f"budget: got {budget}, expected a positive number of seconds")


def image_shape(text: str) -> tuple[int, tuple[int, int]]:
    """Return channels, and height and width, of a text such as 1x28x28; ValueError on any other."""
    if not re.fullmatch(r"[0-9]{1,6}x[0-9]{1,6}x[0-9]{1,6}", text):
        raise ValueError(f"data_shape: got {text!r}, expected channels, height and width such as 1x28x28")
    channels, height, width = (int(part) for part in text.split("x"))
    return channels, (height, width)


def number(value: float | None, form: str) -> str:
    """Return a number in a format, and a dash where there is none."""
    return "-" if value is None else format(value, form)
