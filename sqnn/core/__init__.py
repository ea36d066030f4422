"""What every other room stands on and no spike is known to: whole files, configurations, memory format, progress."""

from sqnn.core.config import Config, ConfigError, Limits, option, require, require_one_of
from sqnn.core.describe import Option, OptionTable, describe, limits_of, meaning, shown
from sqnn.core.files import whole_file, write_text
from sqnn.core.memory_format import channels_last, channels_last_is_safe
from sqnn.core.progress import sweep_progress
from sqnn.core.yaml import read_yaml

__all__ = [
    "Config",
    "ConfigError",
    "Limits",
    "Option",
    "OptionTable",
    "channels_last",
    "channels_last_is_safe",
    "describe",
    "limits_of",
    "meaning",
    "option",
    "read_yaml",
    "require",
    "require_one_of",
    "shown",
    "sweep_progress",
    "whole_file",
    "write_text",
]
