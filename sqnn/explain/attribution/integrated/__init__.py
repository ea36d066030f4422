"""Integrated gradients of spiking networks, in three kinds that do not mean the same."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
