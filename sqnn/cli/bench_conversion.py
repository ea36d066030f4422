"""`sqnn bench conversion`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqnn.cli.bench_parts import check_bench, image_shape, number, print_notes, write_rows
from sqnn.cli.device import machine
from sqnn.cli.output import console, table, write_json

if TYPE_CHECKING:
    from sqnn.bench import ConversionTiming


def conversion(
    model: Annotated[str, typer.Option(help="source network")] = "resnet20",
    data_shape: Annotated[str, typer.Option(help="channels x height x width of an image")] = "3x32x32",
    classes: Annotated[int, typer.Option(help="number of classes")] = 10,
    batch: Annotated[int, typer.Option(help="images of a forward pass")] = 64,
    timesteps: Annotated[int, typer.Option(help="time steps of every spiking network")] = 4,
    width_multiplier: Annotated[float, typer.Option(help="factor on all widths")] = 1.0,
    budget: Annotated[float, typer.Option(help="seconds of timing for each network")] = 2.0,
    device: Annotated[str, typer.Option(help="torch device: cpu, cuda")] = "cpu",
    memory: Annotated[bool, typer.Option(help="measure peak memory too (CPU: in a process of its own)")] = True,
    out: Annotated[Path | None, typer.Option(help="write the rows to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option(help="also write the rows to this JSON file")] = None,
) -> None:
    """Time forward passes of a source network beside the spiking networks that conversion makes of it.

    The source network (QCFS activations), its ReLU twin, the exact conversion fused and layer by layer, the conversion
    by rates, and SpikingJelly's converter where it is installed (benchmarks/requirements.txt), all in float32 without
    gradients, all taking turns in one process. "changed" counts images classified otherwise than by the source, by
    SpikingJelly otherwise than by the ReLU twin that it converts. Peak memory is what a forward pass needs above
    weights and images; the bound beside it is the source's peak plus the spikes of the largest layer.

    Examples:

    sqnn bench conversion

    sqnn bench conversion --model vgg11 --width-multiplier 0.25 --timesteps 8 --out table.csv
    """
    from sqnn.bench import ConversionSetting, compare_conversion, forward_peaks

    check_bench(out, json, budget, device)
    channels, size = image_shape(data_shape)
    setting = ConversionSetting(model, channels, size, classes, batch, timesteps, width_multiplier)
    timings = compare_conversion(setting, budget=budget, device=device, measure=forward_peaks if memory else None)
    console.print(f"{machine()}, {device}, float32")
    _show(timings)
    rows = [timing.to_dict() for timing in timings]
    write_rows(out, rows, whole=("changed",))
    write_json(json, rows)


def _show(timings: list[ConversionTiming]) -> None:
    first = timings[0]
    table(
        f"{first.model}, forward pass of {first.inputs}, {first.timesteps} time steps, memory in MiB",
        ("", "median ms", "ratio", "changed", "peak", "spikes", "bound"),
        [
            (
                timing.name,
                number(timing.milliseconds, ",.2f"),
                number(timing.ratio, ".2f"),
                number(timing.changed, ",d"),
                number(timing.peak_mib, ",.1f"),
                number(timing.spikes_mib, ",.1f"),
                number(timing.bound_mib, ",.1f"),
            )
            for timing in timings
        ],
    )
    print_notes(timings)
