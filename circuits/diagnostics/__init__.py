"""Measures of what a circuit can do and how well it trains; each result holds its numbers and draws them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
