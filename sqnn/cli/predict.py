"""`sqnn predict`: class probabilities of a user's images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sqnn.cli.options import ThreadsOption
from sqnn.cli.output import check_json, console, table, write_json
from sqnn.cli.own import ModelOption, ModelOptions, given_own
from sqnn.cli.source import open_model
from sqnn.core import AUTO, ConfigError, check_threads
from sqnn.data import read_images
from sqnn.training import predict as ask

SHOWN = 20


def predict(
    path: Annotated[Path, typer.Argument(help="a run's folder, or a network's .safetensors file, converted ones too")],
    images: Annotated[Path, typer.Argument(help="an image file, or an array (.npy) of images with values in [0, 1]")],
    json: Annotated[Path | None, typer.Option(help="also write all probabilities to this JSON file")] = None,
    threads: ThreadsOption = AUTO,
    model: ModelOption = None,
    model_options: ModelOptions = None,
) -> None:
    """Print the class probabilities of an image file or of an array of images.

    Examples:

    sqnn predict runs/mnist-0 seven.png

    sqnn predict model.safetensors images.npy --json probabilities.json
    """
    check_json(json)
    chosen = check_threads(threads)
    opened = open_model(path, given_own(model, model_options))
    channels, size, classes = opened.config.get("in_channels"), opened.config.get("image_size"), opened.classes
    if channels is None or size is None:
        raise ConfigError(f"path: {path} does not say which images its network takes; give the folder of its run")
    probabilities = ask(opened.network, read_images(images, channels, tuple(size)), threads=chosen)
    classes = classes or tuple(map(str, range(probabilities.shape[1])))
    order = probabilities.argsort(1, descending=True)
    if len(probabilities) == 1:
        shares = [(classes[k], f"{probabilities[0, k]:.2%}") for k in order[0].tolist()]
        table(str(images), ("class", "probability"), shares)
    else:
        best = order[:, 0].tolist()
        rows = [(i, classes[k], f"{probabilities[i, k]:.2%}") for i, k in enumerate(best[:SHOWN])]
        table(str(images), ("image", "class", "probability"), rows)
        if len(best) > SHOWN:
            console.print(f"and {len(best) - SHOWN:,} more; --json FILE writes them all")
    write_json(json, {"classes": list(classes), "probabilities": probabilities.tolist()})
