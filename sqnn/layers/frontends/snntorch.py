"""snnTorch: networks of one step with hidden state, and networks that loop themselves."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from sqnn.core import ConfigError
from sqnn.layers.frontends.base import Convention, Recorded, is_of, stepwise


class SnnTorch(Convention):
    """A network of one step gives spikes or (spikes, membranes) [batch, features]; its neurons keep their state.

    Neurons are reset one by one: `snntorch.utils.reset` misses those within other modules, and resets other networks.
    """

    library: ClassVar[str] = "snntorch"
    mend: ClassVar[str] = "snntorch.utils.reset(self)"
    forget: ClassVar[str] = "reset_mem"

    def once(self, network: nn.Module, images: Tensor) -> Recorded:
        output = super().once(network, images)
        neurons = isinstance(network, nn.Sequential) and any(is_of(part, self.library) for part in network)
        if neurons or (output.membranes is not None and output.spikes.ndim == 2):
            raise ConfigError(
                "timesteps: got None for a network of snnTorch that makes one step per call, expected a number of "
                "steps, such as timesteps=25"
            )
        return output

    def over_time(self, network: nn.Module, trains: Tensor) -> Recorded:
        return stepwise(network, trains)
