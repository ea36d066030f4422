"""Checkpoints that appear whole or not at all, and that run no code when they are read."""

from __future__ import annotations

import pickle
import pickletools
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from sqnn.core import DIGEST, WriteError, check_digest, content_digest, digest, read_record, reason, whole_file
from sqnn.training.errors import CheckpointError
from sqnn.training.logs import store_curves

KEYS = frozenset({"state_dict", "epoch", "global_step", "loops", "callbacks", "optimizer_states", "lr_schedulers"})
SETTINGS = "settings_sha256"
"""What a checkpoint calls the digest of the settings of its run."""
SPARE = 16
"""How many times the bytes of its file the values of a checkpoint may have: tensors can share memory."""
PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


class SafeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written to a temporary file that replaces them, and read as plain data only.

    A checkpoint carries a digest of what it holds, and that of the `settings` (a file) that its run was begun with.
    """

    def __init__(self, settings: Path | None = None) -> None:
        super().__init__()
        self.settings = settings

    @cached_property
    def settings_digest(self) -> str | None:
        """The digest of the settings as they are when the first checkpoint is written or read; None without any."""
        return None if self.settings is None else digest(read_record(self.settings))

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Write `checkpoint`; a process killed meanwhile leaves the previous file in place."""
        content = {**checkpoint, **({} if self.settings is None else {SETTINGS: self.settings_digest})}
        try:
            with whole_file(Path(path)) as partial:
                torch.save({**content, DIGEST: content_digest(content)}, partial)
        except WriteError as error:
            raise CheckpointError(f"checkpoint: {error}, then go on with sqnn.resume(folder)") from error
        except RuntimeError as error:  # what torch's archive writer raises on a full disk
            raise CheckpointError(
                f"checkpoint: cannot write {path} (is the disk full?); make room, then go on with sqnn.resume(folder)"
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint as tensors and plain values; CheckpointError on anything else, and on other settings."""
        try:
            _check_sums(path)
            loaded: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except FileNotFoundError as error:
            raise CheckpointError(f"checkpoint: no file {path}") from error
        except pickle.UnpicklingError as error:
            raise CheckpointError(f"checkpoint: {path} holds more than tensors and plain values; refused") from error
        except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"checkpoint: {path} is not a whole checkpoint ({reason(error)})") from error
        if not isinstance(loaded, dict) or not loaded.keys() >= KEYS:
            raise CheckpointError(f"checkpoint: {path} is not a checkpoint of a training run")
        return self._compared(loaded, Path(path))

    def _compared(self, loaded: dict[str, Any], path: Path) -> dict[str, Any]:
        """Return what a checkpoint holds without its digests, which are compared."""
        stored = loaded.pop(DIGEST, None)
        try:
            check_digest(stored, content_digest(loaded, SPARE * path.stat().st_size), str(path))
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"checkpoint: {path} is damaged ({reason(error)}); restore it from a copy") from error
        settings = loaded.pop(SETTINGS, None)
        if self.settings is not None and settings not in (None, self.settings_digest):
            raise CheckpointError(
                f"checkpoint: {path} was trained under other settings than those of {self.settings}; restore the "
                "settings that the run began with"
            )
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
        parts = file.infolist()
        # Parts of a checkpoint are not compressed: what announces more than the file holds is no part of one.
        packed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
        if packed or sum(part.file_size for part in parts) > Path(path).stat().st_size:
            raise ValueError("its parts announce more than the file holds")
        largest = max((part.file_size for part in parts), default=0)
        for part in parts:
            if part.filename.endswith("data.pkl"):
                _check_sizes(file.read(part), largest)
        damaged = file.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} has changed since it was written")


def _check_sizes(data: bytes, largest: int) -> None:
    """Raise ValueError where a pickle announces a tensor of more numbers than the largest part has bytes.

    torch takes the size of a tensor's memory from there, and that of a byte array.
    """
    number = 0
    for operation, argument, _ in pickletools.genops(data):
        if (isinstance(argument, int) and "INT" in operation.name) or operation.name.startswith("LONG"):
            number = int(argument or 0)
        if (operation.name == "BINPERSID" and number > largest) or argument == "builtins bytearray":
            raise ValueError("its tensors announce more than the file holds")
