"""`sqnn bench hybrid`."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqnn.cli.device import check_device, machine
from sqnn.cli.output import check_json, console, table, write_json

if TYPE_CHECKING:
    from sqnn.experiments import HybridTiming


def hybrid(
    data_shape: Annotated[str, typer.Option(help="channels x height x width of an image")] = "1x28x28",
    classes: Annotated[int, typer.Option(help="number of classes")] = 10,
    batch: Annotated[int, typer.Option(help="images of a step")] = 128,
    width: Annotated[int, typer.Option(help="width of has8-vgg")] = 16,
    budget: Annotated[float, typer.Option(help="seconds of timing for each network and block")] = 2.0,
    device: Annotated[str, typer.Option(help="torch device: cpu, cuda")] = "cpu",
    memory: Annotated[bool, typer.Option(help="measure peak memory too (CPU: in processes of their own)")] = True,
    out: Annotated[Path | None, typer.Option(help="write the rows to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option(help="also write the rows to this JSON file")] = None,
) -> None:
    """Time a training step of has8-vgg beside its twins of one kind, and its blocks beside the paper's own code.

    A training step is forward, backward and a step of Adam; a block's step is forward and backward; all in float32,
    all taking turns in one process. Peak memory is what a step needs above the weights and the optimiser's state.
    benchmarks/requirements.txt says how to install the paper's code; without it, only ours is measured.

    Examples:

    sqnn bench hybrid

    sqnn bench hybrid --data-shape 3x32x32 --batch 64 --out table.csv
    """
    import pandas as pd

    from sqnn.experiments import HybridSetting, compare_hybrid, peak_mib

    check_json(json)
    if out is not None and out.is_dir():
        raise ValueError(f"out: {out} is a folder, expected the name of a file")
    check_device(device)
    if not (math.isfinite(budget) and budget > 0):
        raise ValueError(f"budget: got {budget}, expected a positive number of seconds")
    channels, *size = _shape(data_shape)
    setting = HybridSetting(channels, (size[0], size[1]), classes, batch, width)
    compared = compare_hybrid(setting, budget=budget, device=device, measure=peak_mib if memory else None)
    rows: list[dict[str, Any]] = []
    for timings in compared:
        if not rows:
            console.print(f"{machine()}, {device}, float32")
        rows += [timing.to_dict() for timing in timings]
        _show(timings)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).astype({"parameters": "Int64"}).to_csv(out, index=False)
    write_json(json, rows)


def _show(timings: list[HybridTiming]) -> None:
    first = timings[0]
    table(
        f"{first.task}, input {first.inputs}",
        ("", "encoding", "parameters", "median ms", "ratio", "peak MiB"),
        [
            (
                timing.name,
                timing.surrogate or "-",
                _number(timing.parameters, ",d"),
                _number(timing.milliseconds, ",.2f"),
                _number(timing.ratio, ".2f"),
                _number(timing.peak_mib, ",.1f"),
            )
            for timing in timings
        ],
    )
    for timing in timings:
        if timing.note:
            console.print(f"{timing.name}: {timing.note}")


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _shape(text: str) -> list[int]:
    if not re.fullmatch(r"[0-9]{1,6}x[0-9]{1,6}x[0-9]{1,6}", text):
        raise ValueError(f"data_shape: got {text!r}, expected channels, height and width such as 1x28x28")
    return [int(part) for part in text.split("x")]
