"""The engine on PennyLane's own devices, without and with noise."""

import lazy_loader

# The names of gradient methods and devices are read without loading PennyLane.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
