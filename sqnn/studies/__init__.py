"""Studies: each compares some choices on one task and returns tidy rows."""

import lazy_loader

# A study is loaded when it is named: pandas, SciPy, Dask and matplotlib are needed by no other command.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
