"""SpikingJelly: step modes "s" and "m"."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from sqnn.core import ConfigError
from sqnn.layers.frontends.base import Convention, Recorded, is_of, stepwise


class SpikingJelly(Convention):
    """Neurons in step mode "m" take all steps [time, batch, ...], in "s" one step [batch, ...] per call."""

    library: ClassVar[str] = "spikingjelly"
    mend: ClassVar[str] = "functional.reset_net(self)"
    forget: ClassVar[str] = "reset"

    def over_time(self, network: nn.Module, trains: Tensor) -> Recorded:
        neurons = [part for part in network.modules() if is_of(part, self.library) and hasattr(part, self.forget)]
        modes = {getattr(part, "step_mode", "s") for part in neurons}
        if len(modes) > 1:
            raise ConfigError(
                f"frontend: got neurons of step modes {' and '.join(sorted(modes))}, expected one mode: "
                "functional.set_step_mode(network, 'm')"
            )
        return super().over_time(network, trains) if modes == {"m"} else stepwise(network, trains)
