"""Measure a network on a split; ask it for class probabilities."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sqnn.data import ImageData, ImageDataModule
from sqnn.training.module import EVALUATION_SEED, Classifier
from sqnn.training.quiet import quiet
from sqnn.training.settings import TrainingConfig
from sqnn.training.trainer import make_trainer

SPLITS: tuple[str, ...] = ("train", "validation", "test")
PREDICT_BATCH = 512


@dataclass(frozen=True)
class Evaluation:
    """Accuracy (a fraction), mean cross-entropy (nats) and confusion counts (true class in rows) on one split."""

    split: str
    images: int
    accuracy: float
    loss: float
    confusion: list[list[int]]


def evaluate(
    model: nn.Module,
    data: ImageData,
    split: str = "test",
    *,
    progress: bool = True,
    trainer: dict[str, Any] | None = None,
) -> Evaluation:
    """Measure `model` on one split of `data`, without changing it.

    Raises ValueError when the split is unknown or empty, or when the data do not fit the network's input.
    """
    if split not in SPLITS:
        raise ValueError(f"split: got {split!r}, expected one of {', '.join(SPLITS)}")
    images = data.splits[split]
    if not len(images):
        raise ValueError(f"split: {split} of {data.name} holds no images")
    check_fit(model, data)
    module = Classifier(model, TrainingConfig(), data.num_classes)
    with quiet(), evaluating(model):
        loop = make_trainer(trainer, progress, logger=False, enable_checkpointing=False)
        (scores,) = loop.test(module, ImageDataModule(data).loader(split), verbose=False)
    return Evaluation(
        split, len(images), scores["test_accuracy"], scores["test_loss"], module.confusion.compute().int().tolist()
    )


def check_fit(model: nn.Module, data: ImageData) -> None:
    """Raise ValueError naming the first of the data's sizes that is not the network's."""
    config: Any = model.config
    for field in config.data_fields:
        theirs, ours = getattr(data, field), getattr(config, field)
        if theirs != ours:
            raise ValueError(f"data: {data.name} has {field} {theirs}, but the network was built for {ours}")


@torch.no_grad()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Return class probabilities [batch, num_classes] for images [batch, channels, height, width] in [0, 1].

    Random encoders draw from the same seed in every call. Raises ValueError where the images do not fit the network.
    """
    if not isinstance(images, Tensor):
        raise ValueError(f"images: got {type(images).__name__}, expected a torch tensor (torch.as_tensor makes one)")
    images = images.to(next(model.parameters()).dtype)
    generator = torch.Generator().manual_seed(EVALUATION_SEED)
    with evaluating(model) as device:
        parts = [model(part.to(device), generator).softmax(-1) for part in images.split(PREDICT_BATCH)]
    return torch.cat(parts).to(images.device)


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[torch.device]:
    """Within the block, `model` is in evaluation mode; behind it, every part has its mode and its device again."""
    modes = {part: part.training for part in model.modules()}
    device = next(model.parameters()).device
    model.eval()
    try:
        yield device
    finally:
        model.to(device)
        for part, mode in modes.items():
            part.training = mode
