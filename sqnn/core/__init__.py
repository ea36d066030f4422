"""What every other room stands on and no spike is known to: whole files, configurations, memory format, progress."""

from sqnn.core.config import ConfigError, ModelConfig, option, read_yaml, require, require_one_of
from sqnn.core.files import whole_file, write_text
from sqnn.core.memory_format import channels_last, channels_last_is_safe
from sqnn.core.progress import sweep_progress

__all__ = [
    "ConfigError",
    "ModelConfig",
    "channels_last",
    "channels_last_is_safe",
    "option",
    "read_yaml",
    "require",
    "require_one_of",
    "sweep_progress",
    "whole_file",
    "write_text",
]
