"""Shapes of the tensors that encoders, neurons and layers hand on."""

from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

Values: TypeAlias = Float[Tensor, "batch *features"]
"""Real values, one step."""
Trains: TypeAlias = Float[Tensor, "time batch *features"]
"""Spikes, currents or membranes over time."""
