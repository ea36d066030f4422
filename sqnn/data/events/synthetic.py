"""Synthetic recordings: what an event camera would see of pictures while it makes three micro-saccades."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.core import Choices, require
from sqnn.data.errors import DataError
from sqnn.data.events.camera import Camera, Floats
from sqnn.data.events.measured import MeasuredCamera, NoiselessCamera
from sqnn.data.events.recording import Recording
from sqnn.data.events.saccades import Saccades

SYNTHETIC: Choices[type[Camera]] = Choices(
    "synthetic", {"saccades": Saccades, "nmnist": MeasuredCamera, "nmnist-noiseless": NoiselessCamera}
)
"""Cameras that make recordings out of pictures: an ideal one, the one that recorded N-MNIST, as measured, and without
its noise."""
AT_ONCE = 256
"""Pictures that are simulated together."""


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
    sensor = sensor_of(camera, images)
    pixels = camera.pixels(sensor, generator)
    grey = grey_of(images)
    return [
        Recording(events, sensor)
        for start in range(0, len(grey), AT_ONCE)
        for events in camera.record(grey[start : start + AT_ONCE], pixels, generator)
    ]


def sensor_of(camera: Camera, images: Tensor) -> tuple[int, int]:
    """Return height and width of the sensor that sees pictures [..., height, width]."""
    height, width = images.shape[-2:]
    margin = camera.margin(height, width)
    return height + 2 * margin, width + 2 * margin


def grey_of(images: Tensor) -> Floats:
    """Return the pictures that a camera sees, [batch, height, width], means over the channels."""
    grey: Floats = images.to(torch.float64).mean(1).numpy()
    return grey
