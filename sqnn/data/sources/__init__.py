"""Published data sets, one file per family: description, files and reader of each."""

from noise_models import Choices
from sqnn.data.sources.base import Source
from sqnn.data.sources.cifar import CIFAR10
from sqnn.data.sources.digits import DIGITS
from sqnn.data.sources.idx import IDX_SETS
from sqnn.data.sources.planted import PLANTED

DATASETS: Choices[Source] = Choices("name", {source.name: source for source in (DIGITS, *IDX_SETS, PLANTED, CIFAR10)})
"""The data sets of `load_data` by name, each with its `summary` and `classes`."""

__all__ = ["DATASETS", "Source"]
