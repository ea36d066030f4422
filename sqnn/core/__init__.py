"""Configurations, whole files, memory format and progress: what all rooms use, and no spikes."""

from noise_models import Choices, RecordWarning, brief, digest, read_json, read_text, reason, whole
from sqnn.core.config import Config, ConfigError, Limits, is_whole, option, require, require_one_of
from sqnn.core.content import content_digest
from sqnn.core.describe import Option, OptionTable, describe, limits_of, meaning, shown
from sqnn.core.files import path_of, whole_file, write_text
from sqnn.core.memory_format import channels_last, channels_last_is_safe
from sqnn.core.progress import sweep_progress
from sqnn.core.records import (
    DIGEST,
    RecordError,
    check_digest,
    check_values,
    read_record,
    write_record,
)
from sqnn.core.rows import Row, Value
from sqnn.core.shapes import MAX_PLANES, Trains, Values
from sqnn.core.yaml import read_yaml, write_yaml

__all__ = [
    "DIGEST",
    "MAX_PLANES",
    "Choices",
    "Config",
    "ConfigError",
    "Limits",
    "Option",
    "OptionTable",
    "RecordError",
    "RecordWarning",
    "Row",
    "Trains",
    "Value",
    "Values",
    "brief",
    "channels_last",
    "channels_last_is_safe",
    "check_digest",
    "check_values",
    "content_digest",
    "describe",
    "digest",
    "is_whole",
    "limits_of",
    "meaning",
    "option",
    "path_of",
    "read_json",
    "read_record",
    "read_text",
    "read_yaml",
    "reason",
    "require",
    "require_one_of",
    "shown",
    "sweep_progress",
    "whole",
    "whole_file",
    "write_record",
    "write_text",
    "write_yaml",
]
