"""Lightning's trainer, made from a user's options and from ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins import CheckpointIO
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, ProgressBar

from noise_models import unknown
from sqnn.core import ConfigError, brief, is_whole, require
from sqnn.training.checkpoints import EpochCheckpoint
from sqnn.training.progress import progress_callback

EXPECTED = "a mapping of Lightning's options, such as {'accelerator': 'gpu'}"
DEFAULTS: Mapping[str, object] = MappingProxyType({"accelerator": "auto", "devices": 1})
OURS: Mapping[str, str] = MappingProxyType(
    {
        "max_epochs": "is set by epochs when a run begins, since its learning rates follow them",
        "gradient_clip_val": "is set by gradient_clip",
        "default_root_dir": "is set by out",
        "enable_progress_bar": "is set by progress",
        "enable_checkpointing": "cannot be changed: a run resumes from its checkpoints",
    }
)
"""Options of Lightning's trainer that a run sets itself, and why."""
ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "max_steps": "the length of a run is set by epochs",
        "max_time": "a run ends after its epochs, and one that was stopped goes on with sqnn.resume(folder)",
        "fast_dev_run": "it writes no checkpoint to choose from; epochs=1 and data.subset(...) make a short run",
        "barebones": "it writes no checkpoint and no log",
        "overfit_batches": "it draws batches of its own; data.subset(...) makes a small set",
    }
)
"""Options of Lightning's trainer with which a run would end without a checkpoint, and why."""
NOT_SET = (None, False, -1)
"""Values with which these options do nothing."""
ALL_DEVICES = -1
DEVICES = f"a whole number of at least 1, or {ALL_DEVICES} for all GPUs of the machine"
"""What a number of devices may be."""
BATCHES = ("limit_train_batches", "limit_val_batches")
HALVED = {"16-true": "16-mixed", "bf16-true": "bf16-mixed"}
"""Precisions whose weights no network's file can hold, and those that come close."""


def lightning_options(value: object) -> dict[str, object]:
    """Return a user's options of Lightning's trainer as a mapping of one's own; ConfigError where they are none."""
    require(value is None or isinstance(value, Mapping), "trainer", value, EXPECTED)
    return dict(value) if isinstance(value, Mapping) else {}


def _check_options(options: Mapping[str, object], epochs: object) -> None:
    """Raise ConfigError on options that are a run's own, and on those that keep its checkpoints from being written."""
    for name, reason in OURS.items():
        if name in options:
            raise ConfigError(f"trainer: {name} {reason}; leave it out")
    for name, reason in ENDINGS.items():
        if options.get(name) not in NOT_SET:
            raise ConfigError(f"trainer: got {name}={brief(options[name])}, but {reason}; leave it out")
    for name in BATCHES:
        if name in options and options[name] in (0, False):
            raise ConfigError(f"trainer: got {name}={brief(options[name])}, but an epoch needs a batch; leave it out")
    devices = options.get("devices")
    if is_whole(devices) and devices < 1 and devices != ALL_DEVICES:
        raise ConfigError(f"trainer: got devices={devices}, expected {DEVICES}")
    rest = options.get("check_val_every_n_epoch")
    if is_whole(rest) and is_whole(epochs) and rest > epochs:
        raise ConfigError(
            f"trainer: got check_val_every_n_epoch={rest}, but a run of {epochs} epochs would end without a "
            "validation to choose by; leave it out"
        )
    precision = options.get("precision")
    if epochs is not None and isinstance(precision, str) and precision in HALVED:
        raise ConfigError(
            f"trainer: got precision={brief(precision)}, but networks are stored in float32 or float64; take "
            f"{HALVED[precision]!r}"
        )


def make_trainer(
    options: Mapping[str, object] | None, progress: bool, callbacks: Sequence[pl.Callback] = (), **fixed: Any
) -> pl.Trainer:
    """Build a trainer from the user's `options` and from ours, `fixed`.

    Callbacks, loggers and plugins of both are used; of other options the user's. Raises ConfigError on options that
    are ours alone, and on those that Lightning does not take.
    """
    chosen = lightning_options(options)
    _check_options(chosen, fixed.get("max_epochs"))
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
        listed = ", ".join(f"{name}={brief(value)}" for name, value in chosen.items()) or "the options of this run"
        raise ConfigError(f"trainer: Lightning does not take {listed} ({str(error).splitlines()[0]})") from error


def user_callbacks(value: object, ours: Sequence[pl.Callback] = ()) -> list[pl.Callback]:
    """Return a user's callbacks, one or several, as a list; ConfigError where one would write over our checkpoints."""
    callbacks: list[pl.Callback] = []
    folders = {_folder(callback) for callback in ours if isinstance(callback, EpochCheckpoint)}
    for callback in _listed(value):
        if not isinstance(callback, pl.Callback):
            raise ConfigError(f"callbacks: got {brief(callback)}, expected callbacks of Lightning")
        if isinstance(callback, ModelCheckpoint) and callback.dirpath and _folder(callback) in folders:
            raise ConfigError(
                f"callbacks: got a ModelCheckpoint that writes to {callback.dirpath}, where the run keeps its own "
                "checkpoints; give it another dirpath"
            )
        callbacks.append(callback)
    return callbacks


def callback_names(callbacks: object, options: Mapping[str, object]) -> tuple[str, ...]:
    """Return the class names of a user's callbacks, given on their own or among Lightning's options."""
    both = [*user_callbacks(callbacks), *user_callbacks(options.get("callbacks"))]
    return tuple(type(callback).__name__ for callback in both)


def check_monitors(callbacks: Sequence[pl.Callback], logged: Sequence[str]) -> None:
    """Raise ConfigError where a callback watches a quantity that nothing logs; callbacks of one's own may log any."""
    if any(isinstance(callback, LearningRateMonitor) or not _of_lightning(callback) for callback in callbacks):
        return
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint):
            monitor, known = callback.monitor, [*logged, "epoch", "step"]
        elif isinstance(callback, EarlyStopping) and callback.strict:
            monitor, known = callback.monitor, [*logged]
        else:
            continue
        if monitor is not None and monitor not in known:
            raise ConfigError(unknown(f"callbacks: monitor of {type(callback).__name__}", monitor, known))


def _of_lightning(callback: pl.Callback) -> bool:
    return type(callback).__module__.partition(".")[0] in ("lightning", "pytorch_lightning")


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
