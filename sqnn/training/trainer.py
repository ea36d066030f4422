"""Lightning's trainer, made from a user's options and from ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins import CheckpointIO
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar

from sqnn.core import ConfigError
from sqnn.training.checkpoints import EpochCheckpoint
from sqnn.training.progress import progress_callback

DEFAULTS: Mapping[str, object] = MappingProxyType({"accelerator": "auto", "devices": 1})
OURS: Mapping[str, str] = MappingProxyType(
    {
        "max_epochs": "is set by epochs",
        "gradient_clip_val": "is set by gradient_clip",
        "default_root_dir": "is set by out",
        "enable_progress_bar": "is set by progress",
        "enable_checkpointing": "cannot be changed: a run resumes from its checkpoints",
    }
)
"""Options of Lightning's trainer that a run sets itself, and why."""


def make_trainer(
    options: Mapping[str, object] | None, progress: bool, callbacks: Sequence[pl.Callback] = (), **fixed: Any
) -> pl.Trainer:
    """Build a trainer from the user's `options` and from ours, `fixed`.

    Callbacks, loggers and plugins of both are used; of other options the user's. Raises ConfigError on options that
    are ours alone, and on those that Lightning does not take.
    """
    chosen = dict(options or {})
    for name, reason in OURS.items():
        if name in chosen:
            raise ConfigError(f"trainer: {name} {reason}; leave it out")
    all_callbacks = [*callbacks, *user_callbacks(chosen.pop("callbacks", None), callbacks)]
    if progress and not any(isinstance(callback, ProgressBar) for callback in all_callbacks):
        all_callbacks.append(progress_callback())
    merged = {**DEFAULTS, "enable_model_summary": False, **fixed, **chosen}
    if fixed.get("logger"):
        merged["logger"] = [*fixed["logger"], *_user_loggers(chosen.get("logger"))]
    merged["plugins"] = [*fixed.get("plugins", ()), *_user_plugins(chosen.get("plugins"))]
    try:
        return pl.Trainer(
            callbacks=all_callbacks,
            enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in all_callbacks),
            **merged,
        )
    except (MisconfigurationException, ImportError, TypeError, ValueError, RuntimeError) as error:
        listed = ", ".join(f"{name}={value!r}" for name, value in {**DEFAULTS, **chosen}.items())
        raise ConfigError(f"trainer: Lightning does not take {listed} ({str(error).splitlines()[0]})") from error


def user_callbacks(value: object, ours: Sequence[pl.Callback] = ()) -> list[pl.Callback]:
    """Return a user's callbacks, one or several, as a list; ConfigError where one would write over our checkpoints."""
    callbacks: list[pl.Callback] = []
    folders = {_folder(callback) for callback in ours if isinstance(callback, EpochCheckpoint)}
    for callback in _listed(value):
        if not isinstance(callback, pl.Callback):
            raise ConfigError(f"callbacks: got {callback!r}, expected callbacks of Lightning")
        if isinstance(callback, ModelCheckpoint) and callback.dirpath and _folder(callback) in folders:
            raise ConfigError(
                f"callbacks: got a ModelCheckpoint that writes to {callback.dirpath}, where the run keeps its own "
                "checkpoints; give it another dirpath"
            )
        callbacks.append(callback)
    return callbacks


def _user_loggers(value: object) -> list[object]:
    if value is False:
        raise ConfigError("trainer: logger=False cannot be: the history of a run is read from its log; leave it out")
    return [] if value is True else _listed(value)


def _user_plugins(value: object) -> list[object]:
    for plugin in _listed(value):
        if isinstance(plugin, CheckpointIO):
            raise ConfigError(
                f"trainer: got the plugin {type(plugin).__name__}, but a run writes its checkpoints itself, whole or "
                "not at all; leave it out"
            )
    return _listed(value)


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _folder(callback: ModelCheckpoint) -> Path:
    return Path(str(callback.dirpath)).resolve()
