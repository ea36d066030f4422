"""`sqnn count`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sqnn.cli.options import given, model_options, option, read_config, with_options
from sqnn.cli.output import check_json, console, parameter_table, write_json
from sqnn.cli.source import open_model
from sqnn.core import ConfigError
from sqnn.metrics import count as count_parameters
from sqnn.models import MODELS, create_model, require_circuit

PANEL = "Which network"
SHAPE_OPTIONS = [
    option("model", str, f"network: {', '.join(MODELS)} (default: sqdr-cnn)", PANEL),
    option("in_channels", int, "channels of an input image (default: 1)", PANEL),
    option("image_size", str, "height and width of an input image, such as 28x28 (default: 28x28)", PANEL),
    option("num_classes", int, "number of classes (default: 10)", PANEL),
]


@with_options(SHAPE_OPTIONS, model_options())
def count(
    path: Annotated[
        Path | None, typer.Argument(help="a run's folder or a network's file; else the options say")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of options; flags override it")] = None,
    draw: Annotated[bool, typer.Option(help="also draw the circuit")] = False,
    json: Annotated[Path | None, typer.Option(help="also write the counts to this JSON file")] = None,
    **values: Any,
) -> None:
    """Count a network's trainable parameters: spiking, quantum (raw and effective) and classical.

    Examples:

    sqnn count

    sqnn count --n-qubits 6 --channels 4,8,18 --draw

    sqnn count --model has8-vgg --in-channels 3 --image-size 32x32

    sqnn count runs/mnist-0
    """
    check_json(json)
    settings = given({**read_config(config), **given(values)})
    model: Any
    if path is not None:
        if settings:
            raise ConfigError(f"{next(iter(settings))}: the network in {path} has its own; leave this option out")
        model, _ = open_model(path)
        title = str(path)
    else:
        title = settings.pop("model", "sqdr-cnn")
        if "image_size" in settings:
            settings["image_size"] = _size(settings["image_size"])
        model = create_model(title, **settings)
    if draw:
        require_circuit(model, "draw", draw)
    counts = count_parameters(model)
    parameter_table(title, counts)
    if draw:
        console.print(model.circuit.draw())
    write_json(json, {"model": title, **counts.to_dict()})


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = value.lower().split("x")
    if not all(part.isascii() and part.isdigit() for part in parts) or len(parts) not in (1, 2):
        raise ConfigError(f"image_size: got {value!r}, expected height and width such as 28x28")
    return (int(parts[0]), int(parts[-1]))
