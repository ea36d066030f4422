"""Data re-upload circuits and the engines that evaluate them."""

import lazy_loader

import noise_models  # noqa: F401  (its door has names of the last release answered, see noise_models.moved)

# Qiskit, PennyLane and matplotlib are loaded by what needs them, not by the package.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
