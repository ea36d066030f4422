"""Images to learn from: named data sets, fixed splits, batches that resume exactly, and files to predict."""

from __future__ import annotations

from sqnn.data.augmentation import AUGMENTATIONS, augment
from sqnn.data.batches import Batch
from sqnn.data.errors import SEED_LIMIT, DataError
from sqnn.data.files import read_images
from sqnn.data.images import ImageData, Split
from sqnn.data.load import load_data
from sqnn.data.module import MAX_BATCH, ImageDataModule
from sqnn.data.sources.catalogue import DATASETS

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "MAX_BATCH",
    "SEED_LIMIT",
    "Batch",
    "DataError",
    "ImageData",
    "ImageDataModule",
    "Split",
    "augment",
    "load_data",
    "read_images",
]
