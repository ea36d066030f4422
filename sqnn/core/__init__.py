"""Configurations, whole files, locks, memory format and progress: what all rooms use, and no spikes."""

from noise_models import Choices, whole
from sqnn.core.config import Config, ConfigError, Limits, is_whole, option, require, require_one_of
from sqnn.core.describe import Option, OptionTable, describe, limits_of, meaning, shown
from sqnn.core.files import (
    PARTIALS,
    WriteError,
    check_writable,
    path_of,
    remove_partials,
    whole_file,
    write_errors,
    write_figure,
    write_text,
)
from sqnn.core.locks import LOCK, InUseError, folder_lock
from sqnn.core.memory_format import channels_last, channels_last_is_safe
from sqnn.core.progress import sweep_progress
from sqnn.core.rows import Row, Value
from sqnn.core.shapes import MAX_PLANES, Trains, Values
from sqnn.core.yaml import read_yaml

__all__ = [
    "LOCK",
    "MAX_PLANES",
    "PARTIALS",
    "Choices",
    "Config",
    "ConfigError",
    "InUseError",
    "Limits",
    "Option",
    "OptionTable",
    "Row",
    "Trains",
    "Value",
    "Values",
    "WriteError",
    "channels_last",
    "channels_last_is_safe",
    "check_writable",
    "describe",
    "folder_lock",
    "is_whole",
    "limits_of",
    "meaning",
    "option",
    "path_of",
    "read_yaml",
    "remove_partials",
    "require",
    "require_one_of",
    "shown",
    "sweep_progress",
    "whole",
    "whole_file",
    "write_errors",
    "write_figure",
    "write_text",
]
