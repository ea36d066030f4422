"""Are explanations true? Measures of maps of the pixels, against the intensity, against chance and against a known
truth.
"""

import lazy_loader

# pandas and scipy are loaded by the first comparison.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
