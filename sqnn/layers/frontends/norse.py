"""Norse: explicit state."""

from __future__ import annotations

import inspect
from typing import ClassVar

from torch import Tensor, nn

from sqnn.core import ConfigError
from sqnn.layers.frontends.base import Convention, Recorded, is_of, recorded, stepwise

WITH_TIME = frozenset({"SNN", "SNNRecurrent", "Lift"})
"""Names of the base classes of Norse's modules that take all steps at once."""


class Norse(Convention):
    """A network that takes a state gives (output, state), which begins with None and is handed on from step to step.

    One whose modules take all steps is given them at once, and so is one that takes no state: it loops itself.
    """

    library: ClassVar[str] = "norse"
    mend: ClassVar[str] = "states of None"

    def once(self, network: nn.Module, images: Tensor) -> Recorded:
        if _takes_state(network):
            raise ConfigError(
                "timesteps: got None for a network of Norse that takes a state, expected a number of steps, such as "
                "timesteps=25"
            )
        return recorded(_without_state(network(images)))

    def over_time(self, network: nn.Module, trains: Tensor) -> Recorded:
        if not _takes_state(network):
            return recorded(_without_state(network(trains)))
        state: object = None

        def step(values: Tensor) -> object:
            nonlocal state
            output, state = network(values, state)
            return output

        kinds = (kind for part in network.modules() for kind in type(part).__mro__ if is_of(part, self.library))
        return recorded(step(trains)) if any(kind.__name__ in WITH_TIME for kind in kinds) else stepwise(step, trains)


def _without_state(output: object) -> object:
    """Return an output, the first of (output, state)."""
    return output[0] if isinstance(output, tuple) and output and not isinstance(output[-1], Tensor) else output


def _takes_state(network: nn.Module) -> bool:
    return "state" in inspect.signature(network.forward).parameters
