"""Configurations, whole files, the machine, memory format and progress: what all rooms use, and no spikes."""

from circuits import computing_in, when_small
from noise_models import Choices, whole
from sqnn.core.config import Config, ConfigError, Limits, is_whole, option, require, require_one_of
from sqnn.core.describe import Option, OptionTable, describe, limits_of, meaning, shown
from sqnn.core.files import path_of, whole_file, write_text
from sqnn.core.machine import commit, cores, machine
from sqnn.core.memory_format import channels_last, channels_last_is_safe
from sqnn.core.progress import sweep_progress
from sqnn.core.rows import Row, Value
from sqnn.core.shapes import MAX_PLANES, Trains, Values
from sqnn.core.threads import AUTO, Threads, check_threads, threads_for
from sqnn.core.yaml import read_yaml

__all__ = [
    "AUTO",
    "MAX_PLANES",
    "Choices",
    "Config",
    "ConfigError",
    "Limits",
    "Option",
    "OptionTable",
    "Row",
    "Threads",
    "Trains",
    "Value",
    "Values",
    "channels_last",
    "channels_last_is_safe",
    "check_threads",
    "commit",
    "computing_in",
    "cores",
    "describe",
    "is_whole",
    "limits_of",
    "machine",
    "meaning",
    "option",
    "path_of",
    "read_yaml",
    "require",
    "require_one_of",
    "shown",
    "sweep_progress",
    "threads_for",
    "when_small",
    "whole",
    "whole_file",
    "write_text",
]
