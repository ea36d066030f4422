"""Accuracy as a distribution: one training per variant, number of threads and seed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
