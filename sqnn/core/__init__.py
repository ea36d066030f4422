"""Configurations, whole files, memory format and progress, for all rooms and without a spike."""

from noise_models.choices import Choices
from sqnn.core.config import Config, ConfigError, Limits, is_whole, option, require, require_one_of
from sqnn.core.files import whole_file, write_text
from sqnn.core.memory_format import channels_last, channels_last_is_safe
from sqnn.core.progress import sweep_progress
from sqnn.core.shapes import Trains, Values
from sqnn.core.yaml import read_yaml

__all__ = [
    "Choices",
    "Config",
    "ConfigError",
    "Limits",
    "Trains",
    "Values",
    "channels_last",
    "channels_last_is_safe",
    "is_whole",
    "option",
    "read_yaml",
    "require",
    "require_one_of",
    "sweep_progress",
    "whole_file",
    "write_text",
]
