"""Lightning's trainer, as every part of the package sets it up."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ProgressBar

from sqnn.core import ConfigError
from sqnn.training.progress import progress_callback

DEFAULTS: tuple[tuple[str, Any], ...] = (("accelerator", "auto"), ("devices", 1))


def make_trainer(options: dict[str, Any] | None, progress: bool, **fixed: Any) -> pl.Trainer:
    """Build a trainer; `options` are the user's, `fixed` ours. ConfigError on options that Lightning does not take."""
    chosen = {**dict(DEFAULTS), **(options or {})}
    shown = progress_callback() if progress else None
    callbacks = [*fixed.pop("callbacks", ()), *([shown] if shown else [])]
    try:
        return pl.Trainer(
            enable_progress_bar=isinstance(shown, ProgressBar),
            enable_model_summary=False,
            callbacks=callbacks,
            **{**fixed, **chosen},
        )
    except (MisconfigurationException, ImportError, TypeError, ValueError, RuntimeError) as error:
        came = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
        raise ConfigError(f"trainer: Lightning does not take {came} ({str(error).splitlines()[0]})") from error
