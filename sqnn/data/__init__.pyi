from .augmentation import AUGMENTATIONS, augment
from .batches import MAX_BATCH, Batch, cut
from .errors import SEED_LIMIT, DataError, MissingDataError
from .files import read_images
from .images import SPLITS, ImageData, Split, require_image_data
from .load import load_data
from .module import ImageDataModule
from .sources import DATASETS, Source

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "MAX_BATCH",
    "SEED_LIMIT",
    "SPLITS",
    "Batch",
    "DataError",
    "ImageData",
    "ImageDataModule",
    "MissingDataError",
    "Source",
    "Split",
    "augment",
    "cut",
    "load_data",
    "read_images",
    "require_image_data",
]
