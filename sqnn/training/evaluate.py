"""Measurements of a network on a split, and class probabilities for images."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sqnn.core import AUTO, ConfigError, Threads, brief, counted, require_one_of
from sqnn.data import SPLITS, ImageData, require_image_data
from sqnn.encoding import check_images
from sqnn.metrics import TRIED, Evaluation, SilenceWarning, check_own, predict_logits, score_logits, unanswered

if TYPE_CHECKING:
    import lightning.pytorch as pl

    from sqnn.models import HasNetwork
    from sqnn.training.run import Run

PLACE: tuple[str, ...] = ("accelerator", "devices", "num_nodes", "strategy", "precision")
"""Options of Lightning's trainer that say where and how precisely a network is evaluated."""


def evaluate(
    model: nn.Module | Run,
    data: ImageData | None = None,
    split: str = "test",
    *,
    progress: bool = True,
    trainer: Mapping[str, object] | None = None,
    threads: Threads = AUTO,
) -> Evaluation:
    """Measure `model`, any module from images to logits or a Run, on one split of `data`, without changing it.

    Without `data` a Run is measured on the images that it was trained with.

    `trainer` says where, in the words of `lightning.Trainer` (accelerator, devices, precision); by default on the
    accelerator, if there is one. `progress` shows a bar in a terminal. `threads` are those of the CPU: a number, or
    `auto`, which goes by the size of a batch.

    Raises ValueError when the split is unknown or empty, or when the data do not fit the network's input.
    """
    from sqnn.models import network_of

    images, network = _images_of(model) if data is None else data, network_of(model)
    require_one_of("split", split, SPLITS)
    check_fit(network, images)
    if not len(images.splits[split]):
        raise ValueError(f"split: {split} of {images.name} holds no images")
    return measure(network, images, split, _place_of(trainer) if trainer is not None else None, progress, threads)


def _images_of(model: object) -> ImageData:
    """Return the images that a run was trained with; ConfigError where `model` is no run."""
    from sqnn.training.folder import RunFolder
    from sqnn.training.run import Run

    if not isinstance(model, Run):
        raise ConfigError("data: got None, expected images, such as load_data returns: only a Run knows its own")
    return RunFolder(model.folder).load_data()


def _place_of(options: Mapping[str, object]) -> pl.Trainer:
    from sqnn.training.lightning_options import lightning_options, make_trainer
    from sqnn.training.quiet import quiet

    for name, value in lightning_options(options).items():
        if name not in PLACE:
            raise ConfigError(f"trainer: got {name}={brief(value)}, expected only {', '.join(PLACE)} in evaluation")
    with quiet():
        return make_trainer(options, progress=False, logger=False, enable_checkpointing=False)


def measure(
    model: nn.Module,
    data: ImageData,
    split: str,
    loop: pl.Trainer | None = None,
    progress: bool = False,
    threads: Threads = AUTO,
) -> Evaluation:
    """Measure on the device and in the precision of a Lightning trainer, by default on the accelerator, if any."""
    images = data.splits[split]
    if loop is not None:
        device, precision = loop.strategy.root_device, loop.precision_plugin.forward_context()
    else:
        device = torch.device("cpu")
        if torch.accelerator.is_available():
            device = torch.accelerator.current_accelerator() or device
        precision = contextlib.nullcontext()
    with precision:
        logits = predict_logits(model, images, device=device, progress=progress, threads=threads)
    return score_logits(logits, images.labels, split, data.classes)


def check_fit(model: nn.Module, data: ImageData, *, learns: bool = False) -> None:
    """Raise ValueError where `model` is no network, `data` no images, or naming the first size in which they differ.

    A module that is no network of the package is tried on a few of the images (see `check_own`), and with `learns` for
    its gradient too.
    """
    from sqnn.conversion import SpikingNetwork
    from sqnn.models import Network, known_name, require_network

    require_network(model)
    require_image_data(data)
    config = model.config if isinstance(model, Network | SpikingNetwork) else None
    if known_name(model) is None and (config is None or learns):
        images = next((part for part in data.splits.values() if len(part)), None)
        if images is not None:
            check_own(model, images.floats(slice(TRIED)), data.num_classes, learns=learns)
    if config is None:
        return
    sizes = {"in_channels": data.in_channels, "image_size": data.image_size, "num_classes": data.num_classes}
    for field in config.data_fields:
        built_for = vars(config)[field]
        if sizes[field] != built_for:
            raise ValueError(f"data: {data.name} has {field} {sizes[field]}, but the network was built for {built_for}")
    if config.frames != data.timesteps:
        held, built = (
            "images" if steps is None else f"recordings of {steps} frames" for steps in (data.timesteps, config.frames)
        )
        raise ValueError(f"data: {data.name} has {held}, but the network was built for {built}")


@torch.no_grad()
def predict(model: nn.Module | HasNetwork, images: Tensor, *, threads: Threads = AUTO) -> Tensor:
    """Return class probabilities [batch, num_classes] for images [batch, channels, height, width] in [0, 1].

    `model` is a network or a Run. Random encoders draw from the same seed in every call; `threads` are those of
    `evaluate`. SilenceWarning says of how many images all classes have the same logit, as where no neuron answers.
    Raises ValueError where the images are no numbers in [0, 1], or do not fit the network.
    """
    from sqnn.conversion import SpikingNetwork
    from sqnn.models import Network, network_of, require_network

    model = require_network(network_of(model))
    if not isinstance(images, Tensor):
        raise ValueError(f"images: got {type(images).__name__}, expected a torch tensor (torch.as_tensor makes one)")
    if images.ndim and len(images):
        check_images(images)
        if not isinstance(model, Network | SpikingNetwork):
            check_own(model, images)
    logits = predict_logits(model, images, threads=threads)
    silent = int(unanswered(logits).sum())
    if silent:
        warnings.warn(
            f"images: {silent:,} of {counted(len(logits), 'image')} have the same logit for every class, as where no "
            "neuron answers",
            SilenceWarning,
            stacklevel=3,
        )
    return logits.softmax(-1)
