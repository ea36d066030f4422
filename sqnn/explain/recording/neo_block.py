"""A record in the objects of neo, which elephant and other tools of neuroscience read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sqnn.core import ConfigError, number_of, require

if TYPE_CHECKING:
    from sqnn.explain.recording.spikes import SpikeRecord

MOST_TRAINS = 100_000
"""Most spike trains, each of which is an object."""


def neo_block(record: SpikeRecord, step: float) -> Any:
    """Return a neo.Block: a segment per image, a spike train per neuron, an analog signal per layer with membranes.

    A spike of step t stands at t * `step` ms. Annotations: `layer` and `neuron` of a train, `label` of a segment.
    """
    step = number_of("step", step)
    require(0 < step < math.inf, "step", step, "how many ms a step takes, a finite number above 0")
    import neo
    import quantities as pq

    trains = sum(layer.spikes[0].numel() // max(1, len(record)) for layer in record.layers.values()) * len(record)
    if trains > MOST_TRAINS:
        raise ConfigError(
            f"to_neo: got {trains:,} spike trains, expected at most {MOST_TRAINS:,}; record.select(layer=, images=) "
            "takes some of them"
        )
    block = neo.Block(name="sqnn record")
    for image in range(len(record)):
        notes = {} if record.labels is None else {"label": int(record.labels[image])}
        segment = neo.Segment(name=f"image {image}", **notes)
        for name, layer in record.layers.items():
            begin, end = layer.start * step * pq.ms, (layer.start + layer.timesteps) * step * pq.ms
            fired = layer.spikes[:, image].flatten(1).cpu()
            for neuron, spikes in enumerate(fired.t()):
                times = (spikes.nonzero()[:, 0].numpy() + layer.start) * step
                segment.spiketrains.append(
                    neo.SpikeTrain(times * pq.ms, t_stop=end, t_start=begin, layer=name, neuron=neuron)
                )
            if layer.membranes is not None:
                values = layer.membranes[:, image].flatten(1).cpu().numpy()
                signal = neo.AnalogSignal(
                    values * pq.dimensionless, t_start=begin, sampling_period=step * pq.ms, name=name
                )
                segment.analogsignals.append(signal)
        block.segments.append(segment)
    return block
