"""Data re-upload circuits and the engines that evaluate them."""

import lazy_loader

import noise_models.moved  # noqa: F401  (answers names of the last release that have moved)

# Qiskit, PennyLane and matplotlib are loaded by what needs them, not by the package.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
