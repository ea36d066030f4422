"""Attribution: how much pixels, spikes, angles, layers and weights did for a logit, by methods with one verb."""

import lazy_loader

# captum and matplotlib are loaded by the first method and the first picture that need them.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
