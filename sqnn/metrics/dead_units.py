"""Units of a network that are dead: neurons' channels that never fire, angles of a circuit that never change."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sqnn.core import AUTO, Threads
from sqnn.data import Split
from sqnn.metrics.accuracy import predict_logits
from sqnn.neurons import Neuron

SAME = 1e-6
"""Angles in radians that differ by no more than this over all images count as one."""
CHANNELS, ANGLES = "channels", "angles"


@dataclass(frozen=True)
class DeadUnits:
    """How many `units` of one module are dead. `part` is its path in the network, `kind` is "channels" or "angles"."""

    part: str
    kind: str
    dead: int
    units: int

    @property
    def share(self) -> float:
        """Fraction of the units that are dead."""
        return self.dead / self.units


@torch.no_grad()
def dead_units(model: nn.Module, images: Split, *, threads: Threads = AUTO) -> list[DeadUnits]:
    """Return, for each layer of neurons and each circuit, how many units are dead on these images.

    A channel of neurons is dead where none of its neurons fires at any step for any image; an angle, where its largest
    and smallest value over the images are at most SAME radians apart. The network is evaluated once, in evaluation
    mode.
    """
    from circuits import ReuploadLayer

    smallest: dict[str, Tensor] = {}
    largest: dict[str, Tensor] = {}
    kinds: dict[str, str] = {}

    def see(part: str, kind: str, units: Tensor) -> None:
        low, high = units.aminmax(dim=0)
        kinds[part] = kind
        smallest[part] = torch.minimum(low, smallest.get(part, low))
        largest[part] = torch.maximum(high, largest.get(part, high))

    watched = [(part, module) for part, module in model.named_modules() if isinstance(module, Neuron | ReuploadLayer)]
    if not watched:
        return []
    with contextlib.ExitStack() as hooks:
        for part, module in watched:
            if isinstance(module, Neuron):
                handle = module.register_forward_hook(
                    lambda module, args, output, part=part: see(part, CHANNELS, _most_by_channel(output))
                )
            else:
                handle = module.register_forward_pre_hook(
                    lambda module, args, kwargs, part=part: see(part, ANGLES, _rows(*args, **kwargs)), with_kwargs=True
                )
            hooks.callback(handle.remove)
        predict_logits(model, images, threads=threads)
    dead = {
        part: largest[part] - smallest[part] <= SAME if kind == ANGLES else largest[part] <= 0
        for part, kind in kinds.items()
    }
    return [DeadUnits(part, kinds[part], int(flags.sum()), len(flags)) for part, flags in dead.items()]


def _most_by_channel(output: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """Return the largest spike [time * batch, channels] of a layer's trains, which membranes may come with."""
    trains = output if isinstance(output, Tensor) else output[0]
    steps = trains.flatten(0, 1)
    return steps.reshape(len(steps), steps.shape[1] if steps.ndim > 1 else 1, -1).amax(-1)


def _rows(inputs: Tensor, *rest: object, **named: object) -> Tensor:
    """Return the angles that a circuit is called with, as rows [..., 3 n_qubits] -> [rows, 3 n_qubits]."""
    return inputs.reshape(-1, inputs.shape[-1])
