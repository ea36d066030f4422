"""The neurons of converted networks: they count their currents in levels and answer with weighted spikes.

A train is [timesteps * batch, ...], the time steps one after the other, so that layers without memory treat the steps
of a train as they treat the images of a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.conversion.codes import SpikeCode
from sqnn.neurons import along_channels, to_levels, to_values


def decode(train: Tensor, timesteps: int) -> Tensor:
    """Sum a train [timesteps * batch, ...] over time: [batch, ...], in channels-last memory where the train is."""
    steps = train.unflatten(0, (timesteps, -1))
    if train.is_contiguous(memory_format=torch.channels_last):
        return steps.movedim(2, -1).sum(0).movedim(-1, 1)
    return steps.sum(0)


class Decode(nn.Module):
    """Sum a train over time, [timesteps * batch, ...] to [batch, ...]: the value it stands for."""

    def __init__(self, timesteps: int) -> None:
        super().__init__()
        self.timesteps = timesteps

    def forward(self, train: Tensor) -> Tensor:
        return decode(train, self.timesteps)

    def extra_repr(self) -> str:
        return f"timesteps={self.timesteps}"


class SpikingNeuron(nn.Module):
    """Integrate-and-fire neurons without a leak; a spike of step t has the height w_t lambda / Q.

    The membrane v is counted in levels of lambda / Q and begins at v_0 (`code.initial`).

    - `postponed`: all currents come first, v = v_0 + (Q / lambda) sum_t z_t; then for t = 1 .. T
      s_t = 1 if v >= w_t else 0 and v <- v - w_t s_t. With the weights 2^(T-t) of bit planes the spikes are the binary
      digits of the level that QCFS rounds to.
    - otherwise the neuron fires as it integrates: v <- v + (Q / lambda) z_t, s_t and the reset as above, for each t.
      With the weights 1 of a rate code this is the ordinary integrate-and-fire neuron.

    Input: a train of currents [timesteps * batch, ...] or, where `takes_train` is False, the whole current as one value
    [batch, ...], of which a neuron that fires as it integrates gets the share w_t / sum w at step t. Output: a train of
    weighted spikes.

    Source: Datta et al., "When SNN meets ANN", equations 9 and 10, with thresholds lambda 2^(T-t) / Q.
    """

    def __init__(
        self, code: SpikeCode, threshold: Tensor, *, postponed: bool, takes_train: bool, channel_axis: int = 1
    ) -> None:
        super().__init__()
        self.code = code
        self.postponed = postponed
        self.takes_train = takes_train
        self.channel_axis = channel_axis
        self.register_buffer("threshold", threshold.detach().clone())

    def forward(self, currents: Tensor) -> Tensor:
        threshold = self.threshold_for(currents)
        T, steps = self.code.timesteps, self.code.steps
        if self.postponed:
            total = decode(currents, T) if self.takes_train else currents
            membrane = to_levels(total, threshold, steps, self.code.initial)
            train = _empty_train(membrane, T)
            for t, weight in enumerate(self.code.weights):
                _fire(membrane, weight, train[t])
        else:
            arriving = currents.unflatten(0, (T, -1)) if self.takes_train else [currents] * T
            membrane = self.initial(arriving[0])
            train = _empty_train(membrane, T)
            for t, current in enumerate(arriving):
                train[t], membrane = self.step(current, membrane, t, weighted=False)
        weights = membrane.new_tensor(self.code.weights).view(-1, *(1 for _ in membrane.shape))
        return train.mul_(to_values(weights, threshold, steps)).flatten(0, 1)

    def step(self, current: Tensor, membrane: Tensor, t: int, weighted: bool = True) -> tuple[Tensor, Tensor]:
        """Advance a neuron that fires as it integrates by step `t`: (spikes, next membrane), both [batch, ...].

        `current` is that of the step, or the whole one where the neuron takes no train. Spikes are w_t lambda / Q or 0,
        and 1 or 0 where `weighted` is False.
        """
        threshold = self.threshold_for(current)
        if not self.takes_train:
            current = current * (self.code.weights[t] / sum(self.code.weights))
        membrane = membrane + to_levels(current, threshold, self.code.steps, 0.0)
        spikes = torch.empty_like(membrane)
        _fire(membrane, self.code.weights[t], spikes)
        return (to_values(spikes * self.code.weights[t], threshold, self.code.steps) if weighted else spikes), membrane

    def initial(self, like: Tensor) -> Tensor:
        """Return the membrane before the first step, of the shape of `like`."""
        return torch.full_like(like, self.code.initial)

    def threshold_for(self, currents: Tensor) -> Tensor:
        """Return lambda in a shape that broadcasts over one step of the currents."""
        threshold: Tensor = self.threshold  # type: ignore[assignment]
        return along_channels(threshold, currents, self.channel_axis)

    def extra_repr(self) -> str:
        neuron = "postponed" if self.postponed else "immediate"
        return f"{self.code.name}, timesteps={self.code.timesteps}, {neuron}, takes_train={self.takes_train}"


def _empty_train(membrane: Tensor, timesteps: int) -> Tensor:
    """Return memory [timesteps, batch, ...] for a train, every step laid out as the membrane is.

    Steps laid out otherwise are filled more slowly, and the next layer would have to rearrange them.
    """
    return membrane.new_empty_strided((timesteps, *membrane.shape), (membrane.numel(), *membrane.stride()))


def _fire(membrane: Tensor, weight: int, spikes: Tensor) -> None:
    """Write 1 to `spikes` where the membrane reaches `weight`, and take so much off it, both in place."""
    torch.ge(membrane, weight, out=spikes)
    membrane.sub_(spikes, alpha=weight)
