"""What a run is computed by, which its checkpoints carry: kernels or PyTorch, the device, how many of them.

Sums are rounded otherwise by others, so that a run that goes on with them ends elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from torch import nn

from circuits.kernels import KERNELS
from sqnn.layers import PYTORCH, arithmetic_of, kernels_for
from sqnn.training.errors import RunError


class Arithmetic(pl.Callback):
    """Notes what each session of a run is computed by, and from which epoch on; checkpoints carry the notes.

    Raises ValueError on a value of SQNN_KERNELS that is none, and where it is `on` and there are no kernels.
    """

    def __init__(self, model: nn.Module, device: str, devices: int) -> None:
        self.line = kernels_for(model, device)
        self.parts = arithmetic_of(model, device) | ({"devices": str(devices)} if devices > 1 else {})
        self.notes: list[dict[str, Any]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note what computes, where it is another than that of the epochs before; their notes are loaded by now."""
        if not self.notes or self.notes[-1]["parts"] != self.parts:
            self.notes.append({"epoch": trainer.current_epoch + 1, "line": self.line, "parts": self.parts})

    def state_dict(self) -> dict[str, Any]:
        """Return the notes for a checkpoint."""
        return {"notes": list(self.notes)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the notes of a checkpoint."""
        self.notes = list(state_dict["notes"])

    def summary(self) -> str:
        """Return a line on the kernels of the run: "A", or "A; from epoch 3: B" where sessions differ."""
        first, *others = [(note["epoch"], note["line"]) for note in self.notes] or [(1, self.line)]
        # Checkpoints of older versions carry no notes.
        begun = first[1] if first[0] == 1 else f"not noted; from epoch {first[0]}: {first[1]}"
        return "; ".join([begun, *(f"from epoch {epoch}: {line}" for epoch, line in others)])

    def check(self, checkpoint: Mapping[str, Any], run: Path) -> None:
        """Raise RunError where a checkpoint of a run was computed by something else than would compute now."""
        notes: Sequence[Mapping[str, Any]] = checkpoint["callbacks"].get(self.state_key, {}).get("notes", ())
        if not notes or notes[-1]["parts"] == self.parts:
            return
        before = notes[-1]["parts"]
        raise RunError(
            f"kernels: {run} was trained by {_listed(before)}, and now by {_listed(self.parts)}, which rounds "
            f"otherwise, so that the run would end elsewhere; {self._mend(before)}, or go on in spite of that with "
            f"sqnn.resume({str(run)!r}, other_arithmetic=True)"
        )

    def _mend(self, before: Mapping[str, str]) -> str:
        """Say how the run is computed as before."""
        where = ("device", "devices")
        if any(before.get(name) != self.parts.get(name) for name in where):
            return "take the accelerator and the devices of then"
        if {value for name, value in before.items() if name not in where} == {PYTORCH}:
            return f"set {KERNELS}=off"
        if any("Triton" in value for value in before.values()) and os.environ.get(KERNELS) != "off":
            return "install the Triton of then"
        return (
            f"unset {KERNELS}"
            if os.environ.get(KERNELS) == "off"
            else "take the compiler of then (CXX), or the processor"
        )


def _listed(parts: Mapping[str, str]) -> str:
    """Return what computes the parts in words: "PyTorch (layers), kernels compiled by c++ 12.2 (circuit)"."""
    names: dict[str, list[str]] = {}
    for name, value in parts.items():
        names.setdefault(f"kernels {value}" if value.startswith("compiled") else value, []).append(name)
    return ", ".join(f"{value} ({', '.join(each)})" for value, each in names.items()) or PYTORCH
