"""Networks by name, their configurations, and their files."""

from sqnn.models.config import ConfigError, ModelConfig, option, read_yaml, require, require_one_of
from sqnn.models.create import MODELS, build, create_model, model_class, model_name
from sqnn.models.saving import ModelFileError, load_model, load_weights, read_header, save_model
from sqnn.models.sqdr_cnn import SQDRCNN, SQDRCNNConfig

__all__ = [
    "MODELS",
    "SQDRCNN",
    "ConfigError",
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
    "require_one_of",
    "save_model",
]
