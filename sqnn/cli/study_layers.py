"""`sqnn study layers`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from sqnn.cli.options import given, read_config
from sqnn.cli.output import check_json, console, table, write_json
from sqnn.cli.source import named_data
from sqnn.cli.study_parts import configure, fresh_folder, make_folder, records, save_figure
from sqnn.core import write_text
from sqnn.data import DATASETS
from sqnn.encoding import PLANE_SURROGATES, RESCALINGS
from sqnn.studies import ENCODED, LAYERED, LayerStudy, layer_study, plot_layers, summarise_layers
from sqnn.training import versions

BRANCH_NAMES = {"ann": "ordinary branches", "snn": "spiking branches"}
DEFAULT = LayerStudy()
BESIDE = ("data", "data_dir", "out")


def layers(
    model: Annotated[str | None, typer.Option(help=f"{', '.join(LAYERED)} (default: {DEFAULT.model})")] = None,
    data: Annotated[str | None, typer.Option(help=f"{', '.join(DATASETS)} (default: digits)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="folder with the data files (default: $SQNN_DATA)")] = None,
    images: Annotated[int | None, typer.Option(help=f"images of the batch (default: {DEFAULT.images})")] = None,
    seeds: Annotated[int | None, typer.Option(help=f"weights and batches (default: {DEFAULT.seeds})")] = None,
    surrogates: Annotated[
        str | None, typer.Option(help=f"with commas, from {', '.join(PLANE_SURROGATES)} (default: all)")
    ] = None,
    rescaling: Annotated[
        str | None, typer.Option(help=f"{', '.join(RESCALINGS)} (default: {DEFAULT.rescaling})")
    ] = None,
    variants: Annotated[str | None, typer.Option(help=f"with commas, from {', '.join(ENCODED)} (default: all)")] = None,
    width: Annotated[int | None, typer.Option(help="width of the network (default: its own)")] = None,
    hidden: Annotated[str | None, typer.Option(help="dense layers of has8-vgg, with commas (default: its own)")] = None,
    encoding_alpha: Annotated[
        float | None, typer.Option(help="steepness of sigmoid-sine and tanh-sine (default: the network's)")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for layers.csv and .png (default: runs/layers-<n>)")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of options; flags override it")] = None,
    json: Annotated[Path | None, typer.Option(help="also write settings and summary to this JSON file")] = None,
    progress: Annotated[bool, typer.Option(help="show a progress bar")] = True,
) -> None:
    """Show how much gradient reaches each stage of a layer-wise hybrid network that has learned nothing yet.

    For each surrogate of the encoders: the loss gradient of the first weight of every stage, ordinary and spiking
    branch apart, as a root mean square (norm / sqrt(number of weights), in nats per unit of weight), geometric mean
    over the seeds. Weights, images and loss are the same for every surrogate. Stages differ in width, and with it in
    how many weights share a gradient: compare the surrogates within a stage rather than the stages.

    Without ordinary branches (no-ann) the encoders alone carry the gradient: detached leaves exactly 0 before the last
    stage. The defaults take half a minute on one core. Examples:

    sqnn study layers

    sqnn study layers --model has8-resnet --rescaling none --seeds 3

    sqnn study layers --data mnist --data-dir DIR --surrogates sigmoid-sine,detached
    """
    flags = {name: value for name, value in locals().items() if name not in ("config", "json", "progress")}
    check_json(json)
    settings = {**read_config(config), **given(flags)}
    name, where, out = settings.pop("data", "digits"), settings.pop("data_dir", None), settings.pop("out", None)
    chosen = configure(LayerStudy, settings, ("surrogates", "variants"), BESIDE)
    images_of = named_data(name, where)
    folder = fresh_folder("layers", out)
    frame = layer_study(chosen, images_of, progress)
    make_folder(folder)
    write_text(folder / "layers.csv", frame.to_csv(index=False))
    save_figure(folder / "layers.png", plot_layers(frame))
    summary = summarise_layers(frame)
    _report(chosen, images_of.name, summary)
    console.print(f"rows: {folder / 'layers.csv'}\npicture: {folder / 'layers.png'}")
    study = {**dataclasses.asdict(chosen), "data": images_of.name}
    told: dict[str, Any] = {"study": study, "summary": records(summary), "folder": str(folder), "versions": versions()}
    write_json(json, told)


def _report(chosen: LayerStudy, data: str, summary: pd.DataFrame) -> None:
    """Print one table a variant and branch: stages in rows, surrogates in columns."""
    console.print(
        f"{chosen.model} at its first weights, {chosen.images:,} images of {data}, rescaling {chosen.rescaling}: "
        f"root mean square of the gradient of each stage's first weight (nats per unit of weight), geometric mean "
        f"over the seeds ({chosen.seeds})"
    )
    for (variant, branch), part in summary.groupby(["variant", "branch"], sort=False):
        wide = part.pivot(index="stage", columns="surrogate", values="rms")[list(chosen.surrogates)]
        rows = [(stage, *(f"{value:.1e}" if value else "0" for value in line)) for stage, *line in wide.itertuples()]
        columns = [name.replace("-", "-\n") for name in chosen.surrogates]
        table(f"{variant}, {BRANCH_NAMES[str(branch)]}", ("stage", *columns), rows)
