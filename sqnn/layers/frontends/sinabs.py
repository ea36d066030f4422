"""sinabs: time within the batch, batch first."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from sqnn.layers.frontends.base import Convention, Recorded, is_of, recorded


class Sinabs(Convention):
    """Squeezed layers take [batch * time, ...], the steps of one image in a row; their sizes are set to the batch's.

    A network without squeezed layers takes [batch, time, ...].
    """

    library: ClassVar[str] = "sinabs"
    mend: ClassVar[str] = "reset_states() of each of its layers"
    forget: ClassVar[str] = "reset_states"

    def over_time(self, network: nn.Module, trains: Tensor) -> Recorded:
        timesteps, batch = trains.shape[:2]
        squeezed = [part for part in network.modules() if is_of(part, self.library) and hasattr(part, "num_timesteps")]
        for part in squeezed:
            part.batch_size, part.num_timesteps = batch, timesteps  # type: ignore[assignment]
        rows = trains.transpose(0, 1)
        output = recorded(network(rows.flatten(0, 1) if squeezed else rows))
        return Recorded(_time_first(output.spikes, batch, timesteps, bool(squeezed)))


def _time_first(values: Tensor, batch: int, timesteps: int, squeezed: bool) -> Tensor:
    if squeezed and values.shape[0] == batch * timesteps:
        values = values.unflatten(0, (batch, timesteps))
    return values.transpose(0, 1) if tuple(values.shape[:2]) == (batch, timesteps) else values
