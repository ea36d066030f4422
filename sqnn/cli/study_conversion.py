"""`sqnn study conversion`."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from sqnn.cli.options import parse_widths
from sqnn.cli.output import check_json, console, table, write_json
from sqnn.cli.retraining import suggest_retraining
from sqnn.cli.source import open_data, open_model
from sqnn.cli.study_parts import records, save_figure, study_folder
from sqnn.conversion import SpikingNetwork
from sqnn.core import ConfigError
from sqnn.data import DATASETS
from sqnn.studies import ConversionFolder, ConversionStudy, conversion_study, plot_conversion
from sqnn.training import versions

DEFAULT = ConversionStudy()


def conversion(
    path: Annotated[Path, typer.Argument(help="run's folder or .safetensors file of a network of qcfs activations")],
    data: Annotated[str | None, typer.Option(help=f"images: {', '.join(DATASETS)} (default: the run's)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="folder with the data files (default: $SQNN_DATA)")] = None,
    images: Annotated[int | None, typer.Option(help="only the first so many test images (default: all)")] = None,
    rate_steps: Annotated[
        str | None,
        typer.Option(help=f"time steps of rates, with commas (default: {','.join(map(str, DEFAULT.rate_steps))})"),
    ] = None,
    calibration: Annotated[
        int, typer.Option(help="training images that max and percentile read their thresholds off")
    ] = DEFAULT.calibration,
    out: Annotated[
        Path | None, typer.Option(help="folder for conversion.csv and .png (default: runs/conversion-<n>)")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="also write settings and rows to this JSON file")] = None,
    progress: Annotated[
        bool, typer.Option(help="show a progress bar, or lines where the output is no terminal")
    ] = True,
) -> None:
    """Convert one trained network in every way and compare accuracy and spikes over the time steps.

    Methods: exact with the most significant 1, 2, ... planes of its T bits; firing rates with learned thresholds, with
    the largest activation and with its 99.9th percentile; and the exact one at T and at 2 planes without some of its
    parts (plane weights, bias shift, postponed firing), which tells what each is worth.

    Every finished row is on the disk: the same command goes on where it was stopped. Examples:

    sqnn study conversion runs/resnet20

    sqnn study conversion runs/resnet20 --data-dir DIR --images 1000 --rate-steps 4,32,256 --out runs/comparison
    """
    check_json(json)
    steps = DEFAULT.rate_steps if rate_steps is None else parse_widths("rate_steps", rate_steps)
    chosen = ConversionStudy(images=images, rate_steps=steps, calibration=calibration)
    model, _ = open_model(path)
    if isinstance(model, SpikingNetwork):
        raise ConfigError(f"path: got {path}, a network that is converted already, expected the one it came from")
    images_of = open_data(path, data, data_dir)
    description = chosen.describe(model, images_of)
    folder = study_folder(ConversionFolder, "conversion", out, description)
    with suggest_retraining(path, model, images_of.name):
        frame = conversion_study(chosen, model, images_of, folder, progress)
    save_figure(folder / "conversion.png", plot_conversion(frame))
    _report(frame)
    console.print(f"rows: {folder / 'conversion.csv'}\npicture: {folder / 'conversion.png'}")
    told: dict[str, Any] = {
        "study": {**dataclasses.asdict(chosen), **description},
        "rows": records(frame),
        "folder": str(folder),
        "versions": versions(),
    }
    write_json(json, told)


def _report(frame: pd.DataFrame) -> None:
    """Print one table of the methods and one of the parts."""
    one = frame.iloc[0]
    rows = [_row(str(row.method), row) for row in frame[frame.method != "ablation"].itertuples()]
    columns = ("time steps", "accuracy", "spikes per neuron")
    table(f"{one.model} of {one.bits} bits on {one.data}, {one.images:,} test images", ("method", *columns), rows)
    parts = frame[(frame.parts != "") & frame.timesteps.isin(frame[frame.method == "ablation"].timesteps)]
    ordered = parts.sort_values("timesteps", kind="stable")
    rows = [_row(str(row.parts).replace("_", " ").replace("+", ", "), row) for row in ordered.itertuples()]
    table("what is left of the exact conversion", ("parts", *columns), rows)


def _row(name: str, row: Any) -> tuple[str, ...]:
    spikes = "-" if math.isnan(row.spikes) else f"{row.spikes:.3f}"
    return (name, "-" if row.method == "source" else str(row.timesteps), f"{row.accuracy:.2%}", spikes)
