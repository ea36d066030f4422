"""`sqnn bench hybrid`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqnn.cli.bench_parts import check_bench, image_shape, number, print_notes, write_rows
from sqnn.cli.device import machine
from sqnn.cli.output import console, table, write_json

if TYPE_CHECKING:
    from sqnn.bench import HybridTiming


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
    from sqnn.bench import HybridSetting, compare_hybrid, peak_mib

    check_bench(out, json, budget, device)
    channels, size = image_shape(data_shape)
    setting = HybridSetting(channels, size, classes, batch, width)
    compared = compare_hybrid(setting, budget=budget, device=device, measure=peak_mib if memory else None)
    rows: list[dict[str, Any]] = []
    for timings in compared:
        if not rows:
            console.print(f"{machine()}, {device}, float32")
        rows += [timing.to_dict() for timing in timings]
        _show(timings)
        write_rows(out, rows, whole=("parameters",))
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
                number(timing.parameters, ",d"),
                number(timing.milliseconds, ",.2f"),
                number(timing.ratio, ".2f"),
                number(timing.peak_mib, ",.1f"),
            )
            for timing in timings
        ],
    )
    print_notes(timings)
