"""The contract of a network: what its class states, and its configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import Config, ConfigError, option, require

PARTS: tuple[str, ...] = ("spiking", "quantum", "classical")
"""What a part of a network can be."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """Base of the model configurations; `data_fields` are filled in from the data, not by hand.

    An image must have at least `smallest_side` pixels in height and width. Networks that take the frames of event
    recordings as well say so in `takes_recordings`, and how many in `frames`.
    """

    data_fields: ClassVar[tuple[str, ...]] = ("in_channels", "image_size", "num_classes")
    smallest_side: ClassVar[int] = 1
    takes_recordings: ClassVar[bool] = False

    in_channels: int = option(1, "channels of an input image", least=1)
    image_size: tuple[int, int] = option((28, 28), "height and width of an input image in pixels")
    num_classes: int = option(10, "number of classes", least=2)

    @property
    def frames(self) -> int | None:
        """Frames of a recording that the network takes; None where it takes images."""
        return None

    def validate(self) -> None:
        super().validate()
        least = self.smallest_side
        require(min(self.image_size) >= least, "image_size", self.image_size, f"at least {least} x {least} pixels")


class Network(nn.Module):
    """Base of all networks: images [batch, channels, height, width] in [0, 1] -> logits [batch, num_classes].

    Networks whose configuration `takes_recordings` may take frames [batch, time, channels, height, width] instead.

    Subclass it to add a network, and name it in `MODELS`. Such a class states

    - `config_class`: its configuration, whose fields become its options;
    - `parts`: kind of each of its modules by name, one of PARTS; a parameter is of the kind of the first component of
      its dotted name that is there;
    - `training_defaults`: settings of a training that differ from `TrainingConfig`, if any;
    - `plastic`: paths of the spiking layers that local learning rules act on, all of them where it is empty;
    - `scale_field`: the field of the configuration by which the network is made smaller or larger at equal other
      choices, as a budget of parameters does: widths (a tuple), a number of units (int) or a factor on all widths
      (float). None says that there is no such field;
    - `forward(images, generator=None)`: random numbers come from the generator alone, and ValueError names what does
      not fit in the images (`check_batch`);
    - a constructor of a configuration and a generator, which draws all weights from that generator (of seed 0 where
      there is none) and calls `super().__init__(config)` first.

    Raises TypeError naming what the class does not state, and ConfigError on the configuration of another network.
    """

    config_class: ClassVar[type[ModelConfig]]
    parts: ClassVar[Mapping[str, str]]
    training_defaults: ClassVar[Mapping[str, str | float]] = MappingProxyType({})
    plastic: ClassVar[tuple[str, ...]] = ()
    scale_field: ClassVar[str | None] = None
    config: ModelConfig

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        for name, kind in vars(cls).get("parts", {}).items():
            if kind not in PARTS:
                raise TypeError(f"parts: {cls.__name__} says {kind!r} of {name}, expected one of {', '.join(PARTS)}")

    def __init__(self, config: ModelConfig, generator: torch.Generator | None = None) -> None:
        network = type(self)
        missing = [name for name in ("config_class", "parts") if not hasattr(network, name)]
        missing += ["forward"] if network.forward is Network.forward else []
        if missing:
            raise TypeError(f"{network.__name__}: states no {', '.join(missing)}; see sqnn.models.Network")
        if not isinstance(config, network.config_class):
            expected = network.config_class.__name__
            raise ConfigError(f"config: got {type(config).__name__}, expected {expected} for {network.__name__}")
        super().__init__()
        self.config = config

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the logits [batch, num_classes] of images [batch, channels, height, width] in [0, 1]."""
        raise NotImplementedError

    def learn(
        self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None, progress: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of training images, and the loss in nats that training minimises: their cross-entropy.

        A network may return another loss of the same forward pass. A loss that requires no gradient says that the
        network has changed its weights within the call, by a rule of its own. `progress` is the share of the training
        that is over, in [0, 1).
        """
        logits = self(images, generator)
        return logits, F.cross_entropy(logits, labels)


def config_of(model: nn.Module) -> ModelConfig | None:
    """Return the configuration of one of the package's networks, or of what was made from one; None for others."""
    config = vars(model).get("config")
    return config if isinstance(config, ModelConfig) else None


def check_batch(images: object, config: ModelConfig, dtype: torch.dtype, least: int = 0) -> Tensor:
    """Return `images`; ValueError unless they are [batch, channels, height, width] as the configuration has them.

    Of a network for recordings they are [batch, time, channels, height, width].

    `least` is the smallest batch. The values themselves are the encoder's business.
    """
    if not isinstance(images, Tensor):
        raise ValueError(f"images: got {type(images).__name__}, expected a torch tensor")
    steps = () if config.frames is None else (config.frames,)
    expected = (*steps, config.in_channels, *config.image_size)
    if tuple(images.shape[1:]) != expected:
        raise ValueError(f"images: got shape {list(images.shape)}, expected [batch, {', '.join(map(str, expected))}]")
    if len(images) < least:
        raise ValueError(f"images: got {len(images)}, expected at least {least} (batch norms train on two or more)")
    if images.dtype != dtype:
        raise ValueError(f"images: got {images.dtype}, expected the network's {dtype} (images.to makes it so)")
    return images
