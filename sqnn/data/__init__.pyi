from .augmentation import AUGMENTATIONS, augment
from .batches import MAX_BATCH, Batch, cut
from .errors import SEED_LIMIT, DataError, MissingDataError
from .files import read_images
from .folder import picture_files
from .images import SPLITS, ImageData, Split, border, require_image_data
from .load import can_load, is_path, load_data, load_source
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
    "border",
    "can_load",
    "cut",
    "is_path",
    "load_data",
    "load_source",
    "picture_files",
    "read_images",
    "require_image_data",
]
