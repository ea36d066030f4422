"""Images to learn from: named data sets, fixed splits, batches that resume exactly, and files to predict."""

import lazy_loader

# Lightning is loaded by the first training, Pillow by the first picture, not by the first data set.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
