"""Layer-wise networks (HAS-8): every stage has an ordinary and a spiking branch, added."""

from sqnn.models.has8.config import TWINS, VARIANTS, HAS8Config, HAS8ResNetConfig, HAS8VGGConfig
from sqnn.models.has8.network import HAS8, HAS8VGG, HAS8ResNet

__all__ = [
    "HAS8",
    "HAS8VGG",
    "TWINS",
    "VARIANTS",
    "HAS8Config",
    "HAS8ResNet",
    "HAS8ResNetConfig",
    "HAS8VGGConfig",
]
