"""The data side of a Lightning training run."""

from __future__ import annotations

import math

import lightning.pytorch as pl
import torch
from torch import Tensor

from sqnn.data.augmentation import augment, known_augmentation, largest_shift
from sqnn.data.batches import MAX_BATCH, MOST_EPOCHS, ResumableLoader, batch_loader
from sqnn.data.errors import DataError, seed_number, whole_number
from sqnn.data.images import ImageData, require_image_data


class ImageDataModule(pl.LightningDataModule):
    """Feed an `ImageData` to a Lightning trainer as batches of images and labels.

    Images are float32 [batch, channels, height, width] in [0, 1], labels int64 [batch].

    The order of training epoch `e` depends on `(seed, e)` alone: it uses no global generator, and a run
    resumed from a checkpoint, at an epoch's end or within it, sees what it would have seen uninterrupted.
    Every training image comes exactly once per epoch; a last batch of one image joins the one before it.
    `augmentation`, `shift` and `noise` change them (see `augment`), by `(seed, e, batch)` alone, in the first
    `augmented_epochs` epochs (in all where it is None).
    Validation, test and prediction (over the test part) go through their images in order, unchanged.

    Raises DataError where `data` is no `ImageData`, a number is out of range, or the augmentation is unknown.
    """

    def __init__(
        self,
        data: ImageData,
        batch_size: int = 128,
        seed: int = 0,
        eval_batch_size: int = 512,
        augmentation: str = "none",
        shift: int | None = None,
        noise: float = 0.0,
        augmented_epochs: int | None = None,
    ) -> None:
        super().__init__()
        self.data = require_image_data(data)
        self.batch_size = whole_number("batch_size", batch_size, 1, MAX_BATCH)
        self.eval_batch_size = whole_number("eval_batch_size", eval_batch_size, 1, MAX_BATCH)
        self.seed = seed_number("seed", seed)
        if not 0 <= noise < math.inf:
            raise DataError(f"noise: got {noise}, expected a standard deviation of at least 0")
        self.augmentation, self.shift, self.noise = known_augmentation(augmentation), shift, noise
        if augmentation != "none":
            largest_shift(*data.image_size, shift)
        if augmented_epochs is not None:
            whole_number("augmented_epochs", augmented_epochs, 0, MOST_EPOCHS)
        self.augmented_epochs = math.inf if augmented_epochs is None else augmented_epochs

    def _changed(self, images: Tensor, generator: torch.Generator, epoch: int) -> Tensor:
        if epoch >= self.augmented_epochs:
            return images
        return augment(images, self.augmentation, generator, self.shift, self.noise)

    def train_dataloader(self) -> ResumableLoader:
        """Return the shuffled training batches, augmented in the first epochs."""
        return batch_loader(self.data.train, self.batch_size, self.seed, self._changed)

    def val_dataloader(self) -> ResumableLoader | list[ResumableLoader]:
        """Return the validation batches in order; no loader at all if the part is empty."""
        return self.loader("validation") if len(self.data.validation) else []

    def test_dataloader(self) -> ResumableLoader:
        """Return the test batches in order."""
        return self.loader("test")

    def predict_dataloader(self) -> ResumableLoader:
        """Return the test batches in order, to predict on."""
        return self.loader("test")

    def loader(self, split: str) -> ResumableLoader:
        """Return the batches of "train", "validation" or "test" in order, to evaluate on."""
        splits = self.data.splits
        if split not in splits:
            raise DataError(f"split: got {split!r}, expected one of {', '.join(splits)}")
        return batch_loader(splits[split], self.eval_batch_size, None)
