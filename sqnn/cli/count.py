"""`sqnn count`: the parameters of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from circuits import QuantumLayer
from sqnn.cli.options import (
    IMAGES,
    TIMESTEPS,
    event_options,
    model_options,
    option,
    read_config,
    read_settings,
    recipe_option,
    recordings_in,
    with_options,
)
from sqnn.cli.output import check_json, console, parameter_table, write_json
from sqnn.cli.own import MEANING, OPTIONS_MEANING, own_model
from sqnn.cli.source import named_data, open_model
from sqnn.core import ConfigError, require
from sqnn.data import DATASETS
from sqnn.metrics import count as count_parameters
from sqnn.models import MODELS, circuits_of, create_model, make_own, require_circuit

PANEL = "Which network"
OPTIONS = [
    recipe_option(PANEL),
    option("model", str, f"network: {', '.join(MODELS)} (default: sqdr-cnn), or {MEANING}", PANEL),
    option("model_options", list[str], OPTIONS_MEANING, PANEL),
    option("data", str, f"{IMAGES.format(', '.join(DATASETS))}; gives channels, size and classes", PANEL),
    option("data_dir", Path, "folder with the data files (default: $SQNN_DATA)", PANEL),
    *event_options(PANEL),
    option("in_channels", int, "channels of an input image (default: 1)", PANEL),
    option("image_size", tuple[int, int], "height and width of an input image, such as 28x28 (default: 28x28)", PANEL),
    option("num_classes", int, "number of classes (default: 10)", PANEL),
    *model_options(),
]


@with_options(OPTIONS)
def count(
    path: Annotated[
        Path | None, typer.Argument(help="a run's folder or a network's file (default: the network of the options)")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of options; flags override it")] = None,
    draw: Annotated[bool, typer.Option(help="also draw the circuit")] = False,
    json: Annotated[Path | None, typer.Option(help="also write the counts to this JSON file")] = None,
    **values: object,
) -> None:
    """Count a network's trainable parameters: spiking, quantum (raw and effective) and classical.

    Examples:

    sqnn count

    sqnn count --n-qubits 6 --channels 4,8,18 --draw

    sqnn count --model has8-vgg --in-channels 3 --image-size 32x32

    sqnn count --recipe mnist

    sqnn count --data pngs

    sqnn count runs/mnist-0

    sqnn count --model networks:make --model-options width=8
    """
    check_json(json)
    named = {**read_config(config), **{name: value for name, value in values.items() if value is not None}}
    recipe = named.get("recipe")
    require(recipe is None or path is None, "recipe", recipe, f"none: the network in {path} has its own")
    settings = read_settings(config, values, OPTIONS)
    if recipe is not None and not named.keys() & {"data", "data_dir"}:
        _take_shape(settings)
    own = own_model(settings.get("model"), settings.pop("model_options", None))
    if own is not None:
        settings.pop("model")
    if path is not None:
        if settings:
            raise ConfigError(f"{next(iter(settings))}: the network in {path} has its own; leave this option out")
        model, title = open_model(path, own).network, str(path)
    elif own is not None:
        if settings:
            raise ConfigError(f"{next(iter(settings))}: is of the package's networks; give {own.where} --model-options")
        model, title = make_own(own, 0, own.name), own.name
    else:
        title = settings.pop("model", "sqdr-cnn")
        model = create_model(title, **_shape(settings), **settings)
    if draw:
        require_circuit(model, "draw", draw)
    counts = count_parameters(model)
    parameter_table(title, counts)
    for layer in circuits_of(model):
        console.print(f"circuit evaluated by {layer.evaluated_by if isinstance(layer, QuantumLayer) else layer.engine}")
    if draw:
        for circuit in circuits_of(model):
            console.print(circuit.draw())
    write_json(json, {"model": title, **counts.to_dict()})


def _take_shape(settings: dict[str, Any]) -> None:
    """Put channels, size and classes in the place of the images of a recipe, whose files may not be there."""
    source = DATASETS[settings["data"]]
    if source.shape is not None:
        del settings["data"]
        channels, *size = source.shape
        known = {"in_channels": channels, "image_size": tuple(size), "num_classes": len(source.classes)}
        settings |= {name: value for name, value in known.items() if name not in settings}


def _shape(settings: dict[str, Any]) -> dict[str, Any]:
    """Take the images out of the settings, and return what a network is built for: nothing where none are named."""
    name, folder = settings.pop("data", None), settings.pop("data_dir", None)
    if name is None:
        return {}
    own = {key: settings.pop(key, None) for key in ("image_size", "in_channels")}
    recordings = recordings_in(settings)
    for key in recordings.keys() - {TIMESTEPS}:
        del settings[key]
    data = named_data(name, folder, size=own["image_size"], channels=own["in_channels"], recordings=recordings)
    return {"data": data}
