"""Published data sets: what they are, where their files lie, and how each is read."""

from sqnn.data.sources.catalogue import DATASETS, Source

__all__ = ["DATASETS", "Source"]
