from .augmentation import AUGMENTATIONS, augment
from .batches import MAX_BATCH, MOST_EPOCHS, Batch, cut
from .errors import SEED_LIMIT, DataError, MissingDataError
from .events import (
    EVENT,
    FRAMED,
    SYNTHETIC,
    Framing,
    MeasuredCamera,
    NoiselessCamera,
    Recording,
    Saccades,
    frames_of,
    framing_of,
    holds_events,
    is_recording,
    read_events,
    simulate_saccades,
)
from .files import read_frames, read_images
from .folder import picture_files
from .images import ImageData, border, require_image_data
from .load import can_load, is_path, load_data, load_source
from .module import ImageDataModule
from .planted import planted_half, planted_set
from .sources import DATASETS, Source
from .split import SPLITS, Split
from .synthetic import synthetic_set

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "EVENT",
    "FRAMED",
    "MAX_BATCH",
    "MOST_EPOCHS",
    "SEED_LIMIT",
    "SPLITS",
    "SYNTHETIC",
    "Batch",
    "DataError",
    "Framing",
    "ImageData",
    "ImageDataModule",
    "MeasuredCamera",
    "MissingDataError",
    "NoiselessCamera",
    "Recording",
    "Saccades",
    "Source",
    "Split",
    "augment",
    "border",
    "can_load",
    "cut",
    "frames_of",
    "framing_of",
    "holds_events",
    "is_path",
    "is_recording",
    "load_data",
    "load_source",
    "picture_files",
    "planted_half",
    "planted_set",
    "read_events",
    "read_frames",
    "read_images",
    "require_image_data",
    "simulate_saccades",
    "synthetic_set",
]
