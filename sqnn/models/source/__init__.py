"""Ordinary networks that can be turned into spiking ones: ReLU or quantised activations, no spikes of their own."""

from sqnn.models.source.config import (
    ACTIVATIONS,
    MobileNetV2Config,
    ResNetConfig,
    RetinaNetConfig,
    SourceConfig,
    VGGConfig,
    VisionTransformerConfig,
)
from sqnn.models.source.detector import RetinaNet
from sqnn.models.source.mobilenet import MobileNetV2
from sqnn.models.source.network import SourceNetwork
from sqnn.models.source.resnet import ResNet18, ResNet20, ResNet34
from sqnn.models.source.vgg import VGG11, VGG16
from sqnn.models.source.vit import VisionTransformer

__all__ = [
    "ACTIVATIONS",
    "VGG11",
    "VGG16",
    "MobileNetV2",
    "MobileNetV2Config",
    "ResNet18",
    "ResNet20",
    "ResNet34",
    "ResNetConfig",
    "RetinaNet",
    "RetinaNetConfig",
    "SourceConfig",
    "SourceNetwork",
    "VGGConfig",
    "VisionTransformer",
    "VisionTransformerConfig",
]
