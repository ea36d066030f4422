"""Trainings by surrogate, rescaling, variant and seed of the encoders."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
