"""Measures of a network: parameters, accuracy, spikes, operations, energy."""

import lazy_loader

# pandas, scipy and matplotlib are loaded by the first table, interval or picture, not by the first count.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
