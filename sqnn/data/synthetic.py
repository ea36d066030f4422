"""Image sets of synthetic recordings, made out of the pictures of others."""

from __future__ import annotations

from typing import Any

import torch

from sqnn.core import ConfigError, sweep_progress
from sqnn.data.errors import DataError
from sqnn.data.events import AT_ONCE, SYNTHETIC, Recording, frames_of, framing_from, grey_of, sensor_of
from sqnn.data.images import ImageData, with_source
from sqnn.data.split import Split

SEED = 0
"""Seed of the pixels and the noise of data sets."""


def synthetic_set(data: ImageData, kind: str, progress: bool = False, **framing: Any) -> ImageData:
    """Return the frames of synthetic recordings of all pictures; its name and its source say that they are synthetic.

    One camera sees all pictures. `framing` are fields of `Framing`. Raises DataError where `data` are recordings
    already or a picture gives no event.
    """
    camera = SYNTHETIC.pick(kind, error=ConfigError)()
    if data.timesteps is not None:
        raise DataError(f"synthetic: got {kind!r} for {data.name}, whose samples are recordings already; leave it out")
    chosen = framing_from(framing)
    if chosen.sensor is not None:
        raise DataError(
            f"sensor: got {chosen.sensor}, expected None: that of synthetic recordings follows the pictures"
        )
    generator = torch.Generator().manual_seed(SEED)
    sensor = sensor_of(camera, data.train.images)
    pixels = camera.pixels(sensor, generator)
    splits: dict[str, Split] = {}
    with sweep_progress(sum(map(len, data.splits.values())), progress, noun="picture") as tick:
        for part, split in data.splits.items():
            frames = []
            for start in range(0, len(split), AT_ONCE):
                grey = grey_of(split.floats(slice(start, start + AT_ONCE)))
                for number, events in enumerate(camera.record(grey, pixels, generator), start):
                    if not len(events):
                        raise DataError(f"{data.name}: {part} image {number} gives no events, as it is of one level")
                    recording = Recording(events, sensor)
                    frames.append(torch.from_numpy(frames_of(f"{part} image {number}", recording, chosen)))
                    tick(str(number))
            stack = torch.stack(frames) if frames else splits["train"].images[:0]
            splits[part] = Split(stack, split.labels, chosen.max_count)
    parts = (splits["train"], splits["validation"], splits["test"])
    made = ImageData(f"{data.name}-synthetic-{kind}", *parts, data.classes)
    source = data.source or {"name": data.name, "kind": "arrays"}
    stored = {name: value for name, value in chosen.to_dict().items() if value is not None}
    return with_source(made, {**source, "synthetic": kind, **stored}, data.drawn)
