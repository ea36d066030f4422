"""Recordings: spikes, membranes and currents of every layer, and the quantum head, of one forward pass."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
