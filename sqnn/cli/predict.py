"""`sqnn predict`: class probabilities of a user's images."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import torch
import typer

from sqnn.cli.options import TIMESTEPS, ThreadsOption
from sqnn.cli.output import check_json, console, table, write_json
from sqnn.cli.own import ModelOption, ModelOptions, given_own
from sqnn.cli.source import open_model, settings_of
from sqnn.core import AUTO, ConfigError, check_kernels, check_threads, require
from sqnn.data import Framing, border, framing_of, picture_files, read_frames, read_images
from sqnn.encoding import FRAMES
from sqnn.metrics import SilenceWarning, unanswered
from sqnn.training import RunFolder
from sqnn.training import predict as ask

SHOWN = 20
DARK, LIGHT = 0.3, 0.7
"""A background is dark below the one, light above the other."""


def predict(
    path: Annotated[Path, typer.Argument(help="a run's folder, or a network's .safetensors file, converted ones too")],
    images: Annotated[
        list[Path],
        typer.Argument(help="image files, event recordings, folders of them, or arrays (.npy) with values in [0, 1]"),
    ],
    invert: Annotated[
        bool,
        typer.Option("--invert", help="exchange light and dark, as of ink on paper"),
    ] = False,
    json: Annotated[Path | None, typer.Option(help="also write all probabilities to this JSON file")] = None,
    threads: ThreadsOption = AUTO,
    model: ModelOption = None,
    model_options: ModelOptions = None,
) -> None:
    """Print the class probabilities of image files, of folders of them, or of arrays of images.

    Examples:

    sqnn predict runs/mnist-0 seven.png

    sqnn predict runs/mnist-0 scans --invert

    sqnn predict runs/nmnist-1 recording.bin

    sqnn predict model.safetensors images.npy --json probabilities.json
    """
    check_kernels()
    check_json(json)
    chosen = check_threads(threads)
    opened = open_model(path, given_own(model, model_options))
    channels, size, classes = opened.config.get("in_channels"), opened.config.get("image_size"), opened.classes
    if channels is None or size is None:
        raise ConfigError(f"path: {path} does not say which images its network takes; give the folder of its run")
    files = [file for each in images for file in (picture_files(each) if each.is_dir() else [each])]
    source = settings_of(path).get("data", {})
    frames = source.get(TIMESTEPS, opened.config[TIMESTEPS] if opened.config.get("encoding") == FRAMES else None)
    if frames is None:
        read = [read_images(file, channels, tuple(size)) for file in files]
    else:
        require(not invert, "invert", invert, "none: recordings of events have no ground")
        framing = Framing.from_dict(framing_of(source)) if TIMESTEPS in source else None
        read = [read_frames(file, frames, channels, tuple(size), framing) for file in files]
    values = torch.cat(read)
    values = 1 - values if invert else values
    names = [
        str(file) if len(part) == 1 else f"{file}:{number}"
        for file, part in zip(files, read, strict=True)
        for number in range(len(part))
    ]
    with warnings.catch_warnings(action="ignore", category=SilenceWarning):  # the note below says it by name
        probabilities = ask(opened.network, values, threads=chosen)
    classes = classes or tuple(map(str, range(probabilities.shape[1])))
    order = probabilities.argsort(1, descending=True)
    if len(probabilities) == 1:
        shares = [(classes[k], f"{probabilities[0, k]:.2%}") for k in order[0].tolist()]
        table(names[0], ("class", "probability"), shares)
    else:
        best = order[:, 0].tolist()
        several = len(files) > 1
        rows = [
            (names[i] if several else i, classes[k], f"{probabilities[i, k]:.2%}") for i, k in enumerate(best[:SHOWN])
        ]
        title = f"{len(files):,} files" if several else str(files[0])
        table(title, ("image", "class", "probability"), rows)
        if len(best) > SHOWN:
            console.print(f"and {len(best) - SHOWN:,} more; --json FILE writes them all")
    silent = [name for name, each in zip(names, unanswered(probabilities).tolist(), strict=True) if each]
    if silent:
        console.print(f"note: {_some(silent)}: every class has the same probability, as where no neuron answers")
    if frames is None:
        _hint(path, values, names, invert)
    written = {"classes": list(classes), "images": names, "probabilities": probabilities.tolist(), "silent": silent}
    write_json(json, written)


def _some(names: list[str]) -> str:
    """Name the first of several, and say how many more there are."""
    return f"{names[0]} and {len(names) - 1:,} more" if len(names) > 1 else names[0]


def _hint(path: Path, values: torch.Tensor, names: list[str], invert: bool) -> None:
    """Say where images are dark on light and the training images light on dark, or the other way round."""
    place = RunFolder(path if path.is_dir() else path.parent)
    if not place.result.is_file() or not (path.is_dir() or path == place.model):
        return
    usual = place.read_result().get("background")
    if usual is None or DARK <= usual <= LIGHT:
        return
    light = usual < DARK
    borders = [border(image[None]) for image in values]
    other = [name for name, each in zip(names, borders, strict=True) if (each > LIGHT if light else each < DARK)]
    if other:
        here, there = ("dark on light", "light on dark") if light else ("light on dark", "dark on light")
        mend = "leave --invert out" if invert else "--invert turns them round"
        console.print(f"note: {_some(other)}: {here}, but the training images are {there}; {mend}")
