"""Checkpoints that appear whole or not at all, and that run no code when they are read."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from sqnn.core import WriteError, whole_file
from sqnn.training.errors import CheckpointError
from sqnn.training.logs import store_curves

KEYS = frozenset({"state_dict", "epoch", "global_step", "loops", "callbacks", "optimizer_states", "lr_schedulers"})
PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


class SafeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written to a temporary file that replaces them, and read as plain data only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Write `checkpoint`; a process killed meanwhile leaves the previous file in place."""
        try:
            with whole_file(Path(path)) as partial:
                torch.save(checkpoint, partial)
        except WriteError as error:
            raise CheckpointError(f"checkpoint: {error}, then go on with sqnn.resume(folder)") from error
        except RuntimeError as error:  # what torch's archive writer raises on a full disk
            raise CheckpointError(
                f"checkpoint: cannot write {path} (is the disk full?); make room, then go on with sqnn.resume(folder)"
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint as tensors and plain values; CheckpointError on anything else."""
        try:
            _check_sums(path)
            loaded: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except FileNotFoundError as error:
            raise CheckpointError(f"checkpoint: no file {path}") from error
        except pickle.UnpicklingError as error:
            raise CheckpointError(f"checkpoint: {path} holds more than tensors and plain values; refused") from error
        except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"checkpoint: {path} is not a whole checkpoint ({reason})") from error
        if not isinstance(loaded, dict) or not loaded.keys() >= KEYS:
            raise CheckpointError(f"checkpoint: {path} is not a checkpoint of a training run")
        return loaded


class EpochCheckpoint(ModelCheckpoint):
    """Lightning's choice of what to keep, for a folder that may have been moved between two sessions of a run."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep an epoch as the last one once its curves are on the disk."""
        if self.monitor is None:
            store_curves(trainer)
        super().on_train_epoch_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best score so far; its file is looked for in this folder, not in the one of old."""
        here = Path(str(self.dirpath))
        moved = {name: self._moved(here, state_dict[name]) for name in PATHS}
        scores = {self._moved(here, path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **moved, "best_k_models": scores, "dirpath": self.dirpath})

    @staticmethod
    def _moved(here: Path, path: str) -> str:
        return str(here / Path(path).name) if path else path


def _check_sums(path: str | Path) -> None:
    """Raise ValueError where a part of the file has changed since it was written; torch itself does not look."""
    with zipfile.ZipFile(path) as file:
        damaged = file.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} has changed since it was written")
