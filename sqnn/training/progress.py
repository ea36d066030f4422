"""Progress output: a bar in a terminal or notebook, one line per epoch otherwise."""

from __future__ import annotations

import sys
import time

import lightning.pytorch as pl
from lightning.pytorch.callbacks import TQDMProgressBar


class EpochLines(pl.Callback):
    """Print one line after every validation; its seconds are those of the epoch's training and validation."""

    def __init__(self) -> None:
        self.started = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero and not trainer.sanity_checking:
            metrics = trainer.callback_metrics
            print(
                f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}: "
                f"validation cross-entropy {metrics['validation_loss']:.4f} nats, "
                f"accuracy {metrics['validation_accuracy']:.2%}, {time.perf_counter() - self.started:.1f} s",
                flush=True,
            )


def progress_callback() -> pl.Callback:
    """Return a progress bar for a terminal or a notebook, and plain lines for everything else."""
    watched = sys.stdout.isatty() or "ipykernel" in sys.modules
    return TQDMProgressBar(refresh_rate=5) if watched else EpochLines()
