"""Ordinary networks that can be turned into spiking ones: ReLU or quantised activations, no spikes of their own."""

from sqnn.models.classical.config import (
    ACTIVATIONS,
    MobileNetV2Config,
    ResNetConfig,
    RetinaNetConfig,
    SourceConfig,
    VGGConfig,
    VisionTransformerConfig,
)
from sqnn.models.classical.detector import RetinaNet
from sqnn.models.classical.mobilenet import MobileNetV2
from sqnn.models.classical.network import SourceNetwork
from sqnn.models.classical.resnet import ResNet18, ResNet20, ResNet34
from sqnn.models.classical.vgg import VGG11, VGG16
from sqnn.models.classical.vit import VisionTransformer

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
