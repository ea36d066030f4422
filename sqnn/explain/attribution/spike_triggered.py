"""The spike-triggered average: what came in before neurons fired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sqnn.core import ConfigError, option
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.places import PIXELS, SPIKES
from sqnn.explain.attribution.probe import Probe
from sqnn.explain.recording import recorder


def spike_triggered_average(inputs: Tensor, spikes: Tensor, lags: int = 1) -> Tensor:
    """Return the mean input `lag` steps before a spike, [neurons, lags, *features], for lag = 0 .. lags - 1.

    A[n, lag] = sum_tb s_n(t, b) x(t - lag, b) / sum_tb s_n(t, b), over steps t >= lag; 0 for neurons that never fire
    there. `inputs` are [time, batch, *features], `spikes` [time, batch, *neurons]. For white noise and neurons that
    compare a weighted sum with a threshold, it tends to a multiple of them, with an error as 1 / sqrt(spikes).

    Raises ConfigError on trains of different lengths or batches, and lags outside 1 .. time. Source: de Boer and
    Kuyper, IEEE Trans. Biomed. Eng. 15 (1968).
    """
    if inputs.shape[:2] != spikes.shape[:2]:
        raise ConfigError(
            f"spikes: got [time, batch] = {list(spikes.shape[:2])}, expected those of inputs, {list(inputs.shape[:2])}"
        )
    if not 1 <= lags <= len(inputs):
        raise ConfigError(f"lags: got {lags}, expected a whole number from 1 to {len(inputs)}, the steps")
    flat, fired = inputs.flatten(2), (spikes != 0).flatten(2).to(inputs.dtype)
    means = []
    for lag in range(lags):
        late = fired[lag:].flatten(0, 1)
        sums = late.t() @ flat[: len(flat) - lag].flatten(0, 1)
        means.append(sums / late.sum(0).clamp(min=1)[:, None])
    return torch.stack(means, 1).unflatten(2, inputs.shape[2:]) if inputs.ndim > 2 else torch.stack(means, 1)


@dataclass(frozen=True, kw_only=True)
class SpikeTriggered(Method):
    """The part of each input in the mean input of the last `lags` steps before the spikes of a layer, image by image.

    x_i(t) times the spikes of the layer at t .. t + lags - 1, over all its spikes: the spike-triggered average of an
    image over all neurons of the layer, in the unit of the input. It knows no class; a silent layer gives 0.
    `spike_triggered_average` takes the neurons one by one, over many images.
    """

    name: ClassVar[str] = "spike-triggered"
    title: ClassVar[str] = "mean input before the spikes of a layer"
    at: ClassVar[tuple[str, ...]] = (PIXELS, SPIKES)
    needs_target: ClassVar[bool] = False

    layer: str | None = option(None, "path of the layer whose spikes count (default: the last)")
    lags: int = option(1, "steps before a spike that count, its own among them", least=1)

    @torch.no_grad()
    def explain(self, probe: Probe) -> Found:
        layers = None if self.layer is None else [self.layer]
        with recorder(probe.model, layers=layers, membranes=False, currents=False, bloch=False) as seen:
            probe.logits(probe.point)
        if seen.input is None or not seen.layers:
            missing = "an encoder" if seen.input is None else "spiking neurons"
            raise ConfigError(f"method: got {self.name} for a network without {missing}, expected saliency")
        inputs = seen.input.to(probe.point.dtype)
        spikes = (list(seen.layers.values())[-1].spikes != 0).flatten(2).sum(2).to(inputs.dtype)
        if len(inputs) != len(spikes):
            raise ConfigError(f"layer: got one of {len(spikes)} steps, expected the {len(inputs)} of the encoder")
        counts = torch.stack([spikes[t : t + self.lags].sum(0) for t in range(len(spikes))])
        weights = counts / spikes.sum(0).clamp(min=1)
        values = (inputs * weights.view(*weights.shape, *(1 for _ in inputs.shape[2:]))).transpose(0, 1)
        reference = probe.score(probe.baseline(0.0))
        if probe.at == PIXELS:
            shown = values if values.shape == probe.point.shape else values.sum(1)
            return Found(values=shown, reference=reference)
        return Found(values=values, reference=reference)
