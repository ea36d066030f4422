"""Shapes of the tensors that encoders, neurons and layers hand on, and how many bits these may hold."""

from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

Values: TypeAlias = Float[Tensor, "batch *features"]
"""Real values, one step."""
Trains: TypeAlias = Float[Tensor, "time batch *features"]
"""Spikes, currents or membranes over time."""
Recordings: TypeAlias = Float[Tensor, "batch time *features"]
"""Frames of event recordings, in the order of data."""
MAX_PLANES = 16
"""Most bits of a value: float32 keeps whole numbers of this many bits, and their sums, exactly."""
