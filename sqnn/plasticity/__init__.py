"""Local plasticity: spike-timing rules over whole windows, the connections they act on, and homeostasis."""

import lazy_loader

# Neither torch nor matplotlib is loaded before the first rule or picture.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
