"""What every network shares: its configuration."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from sqnn.core import Config, option, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """Base of the model configurations; `data_fields` are filled in from the data, not by hand."""

    data_fields: ClassVar[tuple[str, ...]] = ("in_channels", "image_size", "num_classes")

    in_channels: int = option(1, "channels of an input image", least=1)
    image_size: tuple[int, int] = option((28, 28), "height and width of an input image in pixels")
    num_classes: int = option(10, "number of classes", least=2)

    def validate(self) -> None:
        require(min(self.image_size) >= 1, "image_size", self.image_size, "positive height and width")
