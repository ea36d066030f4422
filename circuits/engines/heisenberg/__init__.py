"""Exact expectations under noise, in the Heisenberg picture."""

from circuits.engines.heisenberg.picture import HeisenbergPicture
from circuits.engines.heisenberg.timeline import n_dead_turns

__all__ = ["HeisenbergPicture", "n_dead_turns"]
