"""Networks by name, their configurations, and their files."""

from sqnn.models.config import ConfigError, ModelConfig
from sqnn.models.create import MODELS, create_model
from sqnn.models.saving import ModelFileError, load_model, read_header, save_model
from sqnn.models.sqdr_cnn import SQDRCNN, SQDRCNNConfig

__all__ = [
    "MODELS",
    "SQDRCNN",
    "ConfigError",
    "ModelConfig",
    "ModelFileError",
    "SQDRCNNConfig",
    "create_model",
    "load_model",
    "read_header",
    "save_model",
]
