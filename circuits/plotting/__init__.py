"""Pictures of circuits, and the figure that every plot of the three packages returns."""

import lazy_loader

# matplotlib is loaded by the first picture, not by the first circuit.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
