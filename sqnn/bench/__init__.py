"""Measurements of speed and memory: this library and every installed peer, side by side in one run."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
