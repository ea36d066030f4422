"""Networks by name, their configurations, and their files."""

from sqnn.models.config import ConfigError, ModelConfig, option, read_yaml, require, require_one_of
from sqnn.models.create import MODELS, build, create_model, model_class, model_name, require_circuit
from sqnn.models.has8 import HAS8VGG, VARIANTS, HAS8Config, HAS8ResNet, HAS8ResNetConfig, HAS8VGGConfig
from sqnn.models.saving import ModelFileError, load_model, load_weights, read_header, save_model
from sqnn.models.sqdr_cnn import SQDRCNN, SQDRCNNConfig

__all__ = [
    "HAS8VGG",
    "MODELS",
    "SQDRCNN",
    "VARIANTS",
    "ConfigError",
    "HAS8Config",
    "HAS8ResNet",
    "HAS8ResNetConfig",
    "HAS8VGGConfig",
    "ModelConfig",
    "ModelFileError",
    "SQDRCNNConfig",
    "build",
    "create_model",
    "load_model",
    "load_weights",
    "model_class",
    "model_name",
    "option",
    "read_header",
    "read_yaml",
    "require",
    "require_circuit",
    "require_one_of",
    "save_model",
]
