"""The foundation of all studies: declaration, runner, table, folder and cluster."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
