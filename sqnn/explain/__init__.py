"""Explanation: what a spiking network did, and what its answer rests on."""

import lazy_loader

# Each part loads when it is named: pandas, captum and matplotlib are needed by few of them.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
