"""`sqnn evaluate`: a trained network measured on images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from torch import nn

from circuits import ENGINES, QuantumLayer, ReuploadLayer
from sqnn.cli.clock import Clock
from sqnn.cli.options import (
    IMAGES,
    OWN_CHANNELS,
    Progress,
    ThreadsOption,
    image_options,
    read_settings,
    recordings_in,
    with_options,
)
from sqnn.cli.output import check_json, console, write_json
from sqnn.cli.output import table as print_table
from sqnn.cli.own import ModelOption, ModelOptions, given_own
from sqnn.cli.source import open_data, open_model
from sqnn.core import AUTO, check_threads, counted, require, require_one_of
from sqnn.data import DATASETS, SPLITS
from sqnn.models import change_circuits, circuits_of, require_circuit
from sqnn.studies import Published, published_range
from sqnn.training import RunFolder
from sqnn.training import evaluate as measure

OWN_IMAGES = image_options(also=OWN_CHANNELS)


@with_options(OWN_IMAGES)
def evaluate(
    path: Annotated[Path, typer.Argument(help="a run's folder, or a network's .safetensors file, converted ones too")],
    data: Annotated[str | None, typer.Option(help=f"{IMAGES.format(', '.join(DATASETS))} (default: the run's)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="folder with the data files (default: $SQNN_DATA)")] = None,
    split: Annotated[str, typer.Option(help=f"which images: {', '.join(SPLITS)}")] = "test",
    engine: Annotated[str | None, typer.Option(help=f"evaluate the circuit with: {', '.join(ENGINES)}")] = None,
    noise: Annotated[
        str | None,
        typer.Option(help="noise of the circuit: depolarizing:0.01, paper, torino, none, ... (default: the network's)"),
    ] = None,
    shots: Annotated[
        int | None, typer.Option(help="shots an expectation is estimated from (default: the network's, or exact)")
    ] = None,
    expect: Annotated[
        Path | None,
        typer.Option(help="table of a seed study: say whether the accuracy lies within that of the same settings"),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="also write the result to this JSON file")] = None,
    progress: Progress = True,
    threads: ThreadsOption = AUTO,
    model: ModelOption = None,
    model_options: ModelOptions = None,
    **values: object,
) -> Clock:
    """Measure a trained network: accuracy, cross-entropy and confusion counts.

    Examples:

    sqnn evaluate runs/mnist-0

    sqnn evaluate model.safetensors --data digits --engine pennylane

    sqnn evaluate runs/mnist-0 --noise torino

    sqnn evaluate runs/pngs-1 --data pngs --split train

    sqnn evaluate runs/mine --model networks:make

    sqnn evaluate demo --expect benchmarks/results/seeds-digits.csv

    sqnn evaluate runs/mnist-0 --noise depolarizing:0.02+readout:0.01 --engine aer --shots 1024
    """
    clock = Clock()
    check_json(json)
    require_one_of("split", split, SPLITS)
    pictures = read_settings(None, values, OWN_IMAGES)
    published = None if expect is None else _published(path, expect, (noise, engine, shots), split, data)
    chosen = check_threads(threads)
    opened = open_model(path, given_own(model, model_options))
    network, classes = opened.network, opened.classes
    for name, value in (("noise", noise), ("engine", engine), ("shots", shots)):
        if value is not None:
            require_circuit(network, name, value)
    if (noise, engine, shots) != (None, None, None):
        network = change_circuits(
            network,
            lambda own: own.with_noise(
                own.noise if noise is None else noise, engine, _shots(own) if shots is None else shots
            ),
        )
    clock.lap("start-up")
    size, channels = pictures.get("size"), pictures.get("in_channels")
    images = open_data(path, data, data_dir, size, channels, recordings_in(pictures), split)
    clock.lap("data")
    score = measure(network, images, split, progress=progress, threads=chosen)
    clock.lap(split)
    circuit = _circuit(network)
    print_table(
        f"{path} on {images.name}, {split}",
        ("", "value"),
        [
            ("images", f"{score.images:,}"),
            *([] if circuit is None else [("circuit", circuit)]),
            ("accuracy", f"{score.accuracy:.2%}"),
            ("cross-entropy", f"{score.loss:.4f} nats"),
        ],
    )
    classes = classes or tuple(map(str, range(len(score.confusion))))
    rows = [(name, *counts) for name, counts in zip(classes, score.confusion, strict=True)]
    print_table("images by true class (rows) and predicted class (columns)", ("true", *classes), rows)
    words = published if isinstance(published, str | None) else f"{published.place(score.accuracy)}: {published}"
    if words is not None:
        console.print(f"{score.accuracy:.2%}: {words}")
    comparison = {} if words is None else {"published": words}
    write_json(json, {"path": str(path), "data": images.name, "circuit": circuit, **score.to_dict(), **comparison})
    return clock


def _published(path: Path, table: Path, circuit: Sequence[object], split: str, data: str | None) -> Published | str:
    """Return what is published for the settings of the run in a folder; ConfigError where it is measured otherwise."""
    require(path.is_dir(), "path", str(path), "a run's folder beside --expect: its settings say what to compare with")
    plain = not any(value is not None for value in (*circuit, data)) and split == "test"
    require(
        plain,
        "expect",
        str(table),
        "the run's own network and test images; leave noise, engine, shots, split, data out",
    )
    return published_range(RunFolder(path).run_settings(), table)


def _circuit(network: nn.Module) -> str | None:
    """Return the engine and the noise of the network's circuits in words; None where there is no circuit."""
    told = []
    for layer in circuits_of(network):
        if isinstance(layer, QuantumLayer):
            told.append(layer.evaluated_by)
            continue
        shots = layer.engine.shots
        noise = "without noise" if layer.noise is None else f"under {layer.noise}"
        told.append(f"{layer.engine.name}, {'exact' if shots is None else counted(shots, 'shot')}, {noise}")
    return "; ".join(dict.fromkeys(told)) or None


def _shots(layer: ReuploadLayer | QuantumLayer) -> int | None:
    return layer.engine.shots if isinstance(layer, ReuploadLayer) else None
