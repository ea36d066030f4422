"""How a network was converted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqnn.conversion.codes import SpikeCode


@dataclass(frozen=True)
class Conversion:
    """How a network was converted; see `convert` and `convert_rate`."""

    code: SpikeCode
    postponed: bool = True
    bias_shift: bool = True
    fold_batch_norm: bool = False
    thresholds: str = "learned"

    @property
    def exact(self) -> bool:
        """Whether the spikes are by construction the digits of the source network's activations."""
        whole = self.code.name == "planes" and sum(self.code.weights) == self.code.steps
        return whole and self.postponed and self.bias_shift

    def to_dict(self) -> dict[str, Any]:
        """Return the choices as plain values."""
        return asdict(self)
