"""Pages and notebook widgets that tell one image's explanation from its spikes to the answer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
