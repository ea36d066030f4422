"""Exact expectations under noise, in the Heisenberg picture."""

from circuits.engines.heisenberg.picture import HeisenbergPicture

__all__ = ["HeisenbergPicture"]
