"""The one training loop, through which every network of the package learns."""

import lazy_loader

# Lightning is loaded by the first training, pandas by the first history, not by the first setting.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
