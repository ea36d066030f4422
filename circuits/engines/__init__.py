"""Engines, which evaluate a `DataReupload` circuit: `engine(inputs, weights) -> <Z>`.

`base.py` holds the contract and the names; each engine has a folder of its own.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
