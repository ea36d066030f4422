"""Configurations, whole files, locks, the machine, memory format and progress: what all rooms use, and no spikes."""

from circuits import computing_in, when_small
from noise_models import Choices, RecordWarning, brief, digest, read_json, read_text, reason, whole
from sqnn.core.config import Config, ConfigError, Limits, is_whole, number_of, option, require, require_one_of
from sqnn.core.content import content_digest
from sqnn.core.describe import Option, OptionTable, counted, describe, limits_of, meaning, shown
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
from sqnn.core.kernels_wish import check_kernels
from sqnn.core.locks import LOCK, InUseError, folder_lock
from sqnn.core.machine import commit, cores, machine, version_of
from sqnn.core.memory_format import channels_last, channels_last_is_safe
from sqnn.core.own_code import RAISED, is_own, is_users, no_exit, raised
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
from sqnn.core.seeding import seed_torch, torch_numbers
from sqnn.core.shapes import MAX_PLANES, Recordings, Trains, Values
from sqnn.core.threads import AUTO, MOST_THREADS, Threads, check_threads, threads_for
from sqnn.core.yaml import read_yaml, write_yaml

__all__ = [
    "AUTO",
    "DIGEST",
    "LOCK",
    "MAX_PLANES",
    "MOST_THREADS",
    "PARTIALS",
    "RAISED",
    "Choices",
    "Config",
    "ConfigError",
    "InUseError",
    "Limits",
    "Option",
    "OptionTable",
    "RecordError",
    "RecordWarning",
    "Recordings",
    "Row",
    "Threads",
    "Trains",
    "Value",
    "Values",
    "WriteError",
    "brief",
    "channels_last",
    "channels_last_is_safe",
    "check_digest",
    "check_kernels",
    "check_threads",
    "check_values",
    "check_writable",
    "commit",
    "computing_in",
    "content_digest",
    "cores",
    "counted",
    "describe",
    "digest",
    "folder_lock",
    "is_own",
    "is_users",
    "is_whole",
    "limits_of",
    "machine",
    "meaning",
    "no_exit",
    "number_of",
    "option",
    "path_of",
    "raised",
    "read_json",
    "read_record",
    "read_text",
    "read_yaml",
    "reason",
    "remove_partials",
    "require",
    "require_one_of",
    "seed_torch",
    "shown",
    "sweep_progress",
    "threads_for",
    "torch_numbers",
    "version_of",
    "when_small",
    "whole",
    "whole_file",
    "write_errors",
    "write_figure",
    "write_record",
    "write_text",
    "write_yaml",
]
