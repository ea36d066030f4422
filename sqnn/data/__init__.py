"""Images to learn from: named data sets, fixed splits, batches that resume exactly, and files to predict."""

from __future__ import annotations

from .catalogue import DATASETS
from .errors import DataError
from .files import read_images
from .images import ImageData, Split
from .load import load_data
from .module import ImageDataModule

__all__ = ["DATASETS", "DataError", "ImageData", "ImageDataModule", "Split", "load_data", "read_images"]
