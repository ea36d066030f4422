"""The signal tier: what spike trains look like, and what they say, measure by measure."""

import lazy_loader

# pandas, scikit-learn and matplotlib are loaded by the first table, group or picture.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
