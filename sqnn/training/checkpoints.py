"""Checkpoints that appear whole or not at all, and that run no code when they are read."""

from __future__ import annotations

import contextlib
import os
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO


class CheckpointError(ValueError):
    """A checkpoint that cannot be read: one line saying which and why."""


class SafeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written beside their place and moved there, and read as plain data only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write `checkpoint`; a process killed meanwhile leaves the previous file in place."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint as tensors and plain values; CheckpointError on anything else."""
        try:
            loaded: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except FileNotFoundError as error:
            raise CheckpointError(f"checkpoint: no file {path}") from error
        except pickle.UnpicklingError as error:
            raise CheckpointError(f"checkpoint: {path} holds more than tensors and plain values; refused") from error
        except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"checkpoint: {path} is not a whole checkpoint ({reason})") from error
        if not isinstance(loaded, dict) or "state_dict" not in loaded:
            raise CheckpointError(f"checkpoint: {path} is not a checkpoint of a training run")
        return loaded
