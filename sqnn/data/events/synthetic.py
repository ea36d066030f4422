"""Synthetic recordings: what an event camera would see of pictures while it makes three micro-saccades."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sqnn.core import Choices, ConfigError, require, sweep_progress
from sqnn.data.errors import DataError
from sqnn.data.events.camera import Camera, Floats
from sqnn.data.events.framing import frames_of, framing_from
from sqnn.data.events.measured import MeasuredCamera
from sqnn.data.events.recording import Recording
from sqnn.data.events.saccades import Saccades
from sqnn.data.images import ImageData, Split, with_source

SYNTHETIC: Choices[type[Camera]] = Choices("synthetic", {"saccades": Saccades, "nmnist": MeasuredCamera})
"""Cameras that make recordings out of pictures: an ideal one, and the one that recorded N-MNIST, as measured."""
AT_ONCE = 256
"""Pictures that are simulated together."""
SEED = 0
"""Seed of the pixels and the noise of data sets."""


def simulate_saccades(images: Tensor, generator: torch.Generator, camera: Camera | None = None) -> list[Recording]:
    """Return the synthetic recording of each picture of [batch, channels, height, width] in [0, 1].

    The picture is the mean over the channels; beyond its edge it goes on as it ends there. `camera` is `Saccades()`, an
    ideal one, or `MeasuredCamera()`, each of which says what a pixel does; p is 1 where it became brighter. All random
    numbers are drawn from `generator`: first what differs between the pixels of the camera, then its noise.

    Raises DataError where `images` are none of this shape or range, ConfigError where there is no generator.
    """
    camera = Saccades() if camera is None else camera
    require(isinstance(camera, Camera), "camera", camera, "a Saccades() or a MeasuredCamera()")
    require(isinstance(generator, torch.Generator), "generator", generator, "a torch.Generator")
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.is_floating_point() or not images.numel():
        got = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise DataError(f"images: got {got}, expected floats [batch, channels, height, width] in [0, 1]")
    if not (float(images.min()) >= 0 and float(images.max()) <= 1):
        raise DataError("images: got values outside [0, 1], or NaN, expected finite ones in it")
    sensor = _sensor(camera, images)
    pixels = camera.pixels(sensor, generator)
    grey = _grey(images)
    return [
        Recording(events, sensor)
        for start in range(0, len(grey), AT_ONCE)
        for events in camera.record(grey[start : start + AT_ONCE], pixels, generator)
    ]


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
    sensor = _sensor(camera, data.train.images)
    pixels = camera.pixels(sensor, generator)
    splits: dict[str, Split] = {}
    with sweep_progress(sum(map(len, data.splits.values())), progress, noun="picture") as tick:
        for part, split in data.splits.items():
            frames = []
            for start in range(0, len(split), AT_ONCE):
                grey = _grey(split.floats(slice(start, start + AT_ONCE)))
                for number, events in enumerate(camera.record(grey, pixels, generator), start):
                    if not len(events):
                        raise DataError(f"{data.name}: {part} image {number} gives no events, as it is of one level")
                    recording = Recording(events, sensor)
                    frames.append(torch.from_numpy(frames_of(f"{part} image {number}", recording, chosen)))
                    tick(str(number))
            stack = torch.stack(frames) if frames else splits["train"].images[:0]
            splits[part] = Split(stack, split.labels, chosen.max_count)
    made = ImageData(f"{data.name}-synthetic-{kind}", **splits, classes=data.classes)
    source = data.source or {"name": data.name, "kind": "arrays"}
    stored = {name: value for name, value in chosen.to_dict().items() if value is not None}
    return with_source(made, {**source, "synthetic": kind, **stored}, data.drawn)


def _sensor(camera: Camera, images: Tensor) -> tuple[int, int]:
    """Return height and width of the sensor that sees pictures [..., height, width]."""
    height, width = images.shape[-2:]
    margin = camera.margin(height, width)
    return height + 2 * margin, width + 2 * margin


def _grey(images: Tensor) -> Floats:
    grey: Floats = images.to(torch.float64).mean(1).numpy()
    return grey
