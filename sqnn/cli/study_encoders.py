"""`sqnn study encoders`."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from sqnn.cli.options import given, read_config
from sqnn.cli.output import check_json, console, table, write_json
from sqnn.cli.source import named_data
from sqnn.cli.study_parts import configure, records, save_figure, study_folder
from sqnn.data import DATASETS
from sqnn.encoding import PLANE_SURROGATES, RESCALINGS
from sqnn.studies import (
    ENCODED,
    LAYERED,
    WITHOUT,
    EncoderStudy,
    StudyFolder,
    cell_label,
    encoder_study,
    plot_encoders,
    summarise_encoders,
)
from sqnn.training import versions

DEFAULT = EncoderStudy()
BESIDE = ("data", "data_dir", "out")


def encoders(
    model: Annotated[str | None, typer.Option(help=f"{', '.join(LAYERED)} (default: {DEFAULT.model})")] = None,
    data: Annotated[str | None, typer.Option(help=f"{', '.join(DATASETS)} (default: digits)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="folder with the data files (default: $SQNN_DATA)")] = None,
    train_images: Annotated[
        int | None, typer.Option(help="only the first so many training images (default: all)")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help=f"passes over them (default: {DEFAULT.epochs})")] = None,
    batch_size: Annotated[int | None, typer.Option(help=f"images a step (default: {DEFAULT.batch_size})")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="peak learning rate (default: the network's)")] = None,
    seeds: Annotated[int | None, typer.Option(help=f"trainings a cell (default: {DEFAULT.seeds})")] = None,
    surrogates: Annotated[
        str | None, typer.Option(help=f"with commas, from {', '.join(PLANE_SURROGATES)} (default: all)")
    ] = None,
    rescalings: Annotated[
        str | None, typer.Option(help=f"with commas, from {', '.join(RESCALINGS)} (default: all)")
    ] = None,
    variants: Annotated[
        str | None, typer.Option(help=f"with commas, from {', '.join((*ENCODED, WITHOUT))} (default: all)")
    ] = None,
    width: Annotated[
        int | None, typer.Option(help=f"width of the network (default: {DEFAULT.network['width']})")
    ] = None,
    hidden: Annotated[str | None, typer.Option(help="dense layers of has8-vgg, with commas (default: 64)")] = None,
    encoding_alpha: Annotated[
        float | None, typer.Option(help="steepness of sigmoid-sine and tanh-sine (default: the network's)")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for encoders.csv, .png and the runs (default: runs/encoders-<n>)")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of options; flags override it")] = None,
    json: Annotated[Path | None, typer.Option(help="also write settings, summary and rows to this JSON file")] = None,
    progress: Annotated[
        bool, typer.Option(help="show a progress bar, or lines where the output is no terminal")
    ] = True,
) -> None:
    """Train the same network with every gradient of its encoders: surrogate x rescaling x variant, equal budgets.

    Variants: with both branches (hybrid), without ordinary ones (no-ann), without spiking ones (no-snn, once a seed).
    The sines are trained with every rescaling, straight-through and detached without any. Accuracies are those of the
    epoch that did best on validation images, with the standard deviation over the seeds.

    The defaults are 69 trainings of about 7 seconds, 8 minutes on one core. Every finished one is on the disk: the same
    command goes on where it was stopped, and with more seeds, surrogates, rescalings or variants it trains only what is
    new. Examples:

    sqnn study encoders

    sqnn study encoders --surrogates sigmoid-sine,straight-through,detached --variants no-ann --seeds 5

    sqnn study encoders --data mnist --data-dir DIR --train-images 5000 --epochs 3 --out runs/encoders-mnist
    """
    flags = {name: value for name, value in locals().items() if name not in ("config", "json", "progress")}
    check_json(json)
    settings = {**read_config(config), **given(flags)}
    name, where, out = settings.pop("data", "digits"), settings.pop("data_dir", None), settings.pop("out", None)
    chosen = configure(EncoderStudy, settings, ("surrogates", "rescalings", "variants"), BESIDE)
    images = named_data(name, where)
    description = chosen.describe(images)
    folder = study_folder(StudyFolder, "encoders", out, description)
    console.print(f"{len(chosen.cells()):,} trainings, in {folder}")
    frame = encoder_study(chosen, images, folder, progress)
    save_figure(folder / "encoders.png", plot_encoders(frame))
    summary = summarise_encoders(frame)
    _report(chosen, summary, description["data"])
    console.print(f"rows: {folder / 'encoders.csv'}\npicture: {folder / 'encoders.png'}")
    told: dict[str, Any] = {
        "study": {**dataclasses.asdict(chosen), **description},
        "summary": records(summary),
        "rows": records(frame),
        "folder": str(folder),
        "versions": versions(),
    }
    write_json(json, told)


def _report(chosen: EncoderStudy, summary: pd.DataFrame, data: dict[str, Any]) -> None:
    """Print one table a variant: accuracies, the loss at the end, and how many trainings they come from."""
    console.print(
        f"{chosen.model}, {data['train_images']:,} training images of {data['name']}, {chosen.epochs} epochs: mean and "
        "standard deviation over the seeds; training loss of the last epoch"
    )
    for variant, part in summary.groupby("variant", sort=False):
        rows = [
            (
                cell_label(row["surrogate"], row["rescaling"]),
                _percent(row["test_accuracy"], row["test_spread"]),
                _percent(row["validation_accuracy"], row["validation_spread"]),
                "-" if math.isnan(row["train_loss"]) else f"{row['train_loss']:.3f}",
                f"{row['seeds']} of {row['seeds'] + row['failures']}",
            )
            for row in part.to_dict("records")
        ]
        columns = ("surrogate, rescaling", "test (%)", "validation (%)", "loss (nats)", "seeds")
        table(f"{variant}, {part.parameters.iloc[0]:,} parameters", columns, rows)


def _percent(mean: float, spread: float) -> str:
    if math.isnan(mean):
        return "-"
    return f"{100 * mean:.2f}" if math.isnan(spread) else f"{100 * mean:.2f} ± {100 * spread:.2f}"
