"""Published data sets, one file per family: description, files and reader of each."""

from noise_models import Choices
from sqnn.data.sources.base import Source
from sqnn.data.sources.cifar import CIFAR10
from sqnn.data.sources.cifar_python import HUNDRED, TEN, pickled, read_pickled
from sqnn.data.sources.digits import DIGITS
from sqnn.data.sources.idx import IDX_SETS, read_idx_set
from sqnn.data.sources.idx_names import idx_files, named
from sqnn.data.sources.locate import data_root, search_folders
from sqnn.data.sources.npz import read_npz
from sqnn.data.sources.planted import PLANTED, SEED, PlantedSource, side_by_side

DATASETS: Choices[Source] = Choices("name", {source.name: source for source in (DIGITS, *IDX_SETS, PLANTED, CIFAR10)})
"""The data sets of `load_data` by name, each with its `summary` and `classes`."""

__all__ = [
    "DATASETS",
    "HUNDRED",
    "PLANTED",
    "SEED",
    "TEN",
    "PlantedSource",
    "Source",
    "data_root",
    "idx_files",
    "named",
    "pickled",
    "read_idx_set",
    "read_npz",
    "read_pickled",
    "search_folders",
    "side_by_side",
]
