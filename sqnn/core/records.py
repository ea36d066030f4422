"""Files of record: plain values beside a digest of them, read with a schema, within bounds, and compared."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from noise_models import RecordWarning, brief, digest, read_json, read_text, reason
from sqnn.core.config import Config
from sqnn.core.files import write_text
from sqnn.core.yaml import read_yaml, write_yaml

DIGEST = "sha256"
"""The name of the digest in a file; it stands first, so that no file that was cut off keeps it and loses the rest."""
MEND = "restore it from a copy"


class RecordError(ValueError):
    """A file of record that is not as it was written: one line with the file, what is wrong, and the mend."""


def write_record(path: Path, values: Mapping[str, object]) -> None:
    """Write plain values and their digest, as JSON or YAML by the file's name; it appears whole or not at all."""
    record = {DIGEST: digest(values), **values}
    write_text(path, json.dumps(record, indent=1) if path.suffix == ".json" else write_yaml(record))


def read_record(path: Path, schema: type[Config] | None = None, mend: str = MEND) -> dict[str, Any]:
    """Return the values that `write_record` wrote, without the digest.

    `schema` is a configuration whose fields the values must fit; those without a default must be there, and names that
    it does not have are left alone: a newer version may have written them. `mend` ends the error. Files without a
    digest are read with a RecordWarning.

    Raises RecordError where the file cannot be read as such, does not fit or was changed, FileNotFoundError where it is
    not there.
    """
    try:
        text = read_text(path)
        values = read_json(text) if path.suffix == ".json" else read_yaml(text)
        if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
            raise ValueError(f"it holds {brief(values)}, expected names with values")
        first, value = next(iter(values.items()), ("", None))
        if first != DIGEST and isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
            raise ValueError(f"it begins with {brief(first)}, expected {DIGEST}")
        if not isinstance(stored := values.pop(DIGEST, None), str) and first == DIGEST:
            raise ValueError(f"its {DIGEST} is {brief(stored)}")
        if schema is not None:
            check_values(values, schema)
        check_digest(stored, digest(values), str(path))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RecordError(f"cannot read {path} ({error.strerror}); check who may read it") from error
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise RecordError(f"{path} is damaged ({reason(error)}); {mend}") from error
    return values


def check_values(values: Mapping[str, object], schema: type[Config]) -> None:
    """Raise ConfigError naming the first of the values that is missing or does not fit the fields of `schema`."""
    known = {field.name: values[field.name] for field in fields(schema) if field.name in values}
    schema.from_dict(known)


def check_digest(stored: object, computed: str, file: str) -> None:
    """Raise ValueError where the digest that a file carries is not that of its content; warn where it carries none."""
    if stored is None:
        # From this very line, so that Python shows it once per file.
        message = f"{file} carries no digest, as files of earlier versions do not: what it says is believed"
        warnings.warn(message, RecordWarning, stacklevel=1)
    elif stored != computed:
        raise ValueError(f"its {DIGEST} is that of other content: it was changed after it was written")
