"""Where the files of one training run lie, and how they are written and read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from torch import nn

from sqnn.core import write_text
from sqnn.data import ImageData, load_data
from sqnn.models import save_model

CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
SPIKES = "train_spikes"
"""Curve of the runs that are trained with a bit penalty: mean spikes per neuron."""


class RunError(ValueError):
    """A folder that is not a run, or not in the state asked for: one line saying which and how to mend it."""


@dataclass(frozen=True)
class RunFolder:
    """Names of the files in a run's folder."""

    path: Path

    @property
    def settings(self) -> Path:
        """Everything needed to start or resume the run, YAML."""
        return self.path / "settings.yaml"

    @property
    def checkpoints(self) -> Path:
        """Best and last checkpoint."""
        return self.path / "checkpoints"

    @property
    def last(self) -> Path:
        """Checkpoint of the last finished epoch."""
        return self.checkpoints / "last.ckpt"

    @property
    def best(self) -> Path:
        """Checkpoint of the epoch with the best validation accuracy."""
        return self.checkpoints / "best.ckpt"

    @property
    def logs(self) -> Path:
        """CSV and TensorBoard logs; a resumed run adds a version."""
        return self.path / "logs"

    @property
    def initial(self) -> Path:
        """The network as training began, in runs whose seed did not draw its weights."""
        return self.path / "initial.safetensors"

    @property
    def model(self) -> Path:
        """The best network."""
        return self.path / "model.safetensors"

    @property
    def result(self) -> Path:
        """Final numbers, JSON."""
        return self.path / "result.json"

    @property
    def picture(self) -> Path:
        """Learning curves and confusion matrix."""
        return self.path / "training.png"

    def owns(self, file: Path) -> bool:
        """Say whether a file is one that the run here needs, which nothing else may write to."""
        files = (self.settings, self.last, self.best, self.initial, self.model, self.result, self.picture)
        return self.settings.exists() and file.resolve() in {own.resolve() for own in files}

    def create(self, settings: dict[str, Any], initial: nn.Module | None = None) -> None:
        """Make the folder, write the network to begin with where one is given, and the settings.

        RunError where a run is there already or nothing can be written.
        """
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunError(f"out: {self.path} is not empty; choose another folder, or continue it with --resume")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if initial is not None:
                save_model(initial, self.initial)
            write_text(self.settings, yaml.safe_dump(settings, sort_keys=False))
        except OSError as error:
            raise RunError(f"out: cannot write {self.path} ({error.strerror}); choose a writable folder") from error

    def remove_partials(self) -> None:
        """Remove what a killed process left half written."""
        for partial in self.path.rglob(".*.partial"):
            partial.unlink(missing_ok=True)

    def read_settings(self) -> dict[str, Any]:
        """Return the settings; RunError where the folder holds no run."""
        if not self.settings.is_file():
            raise RunError(f"run: {self.path} holds no run ({self.settings.name} is missing)")
        try:
            settings = yaml.safe_load(self.settings.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise RunError(f"run: {self.settings} is damaged ({str(error).splitlines()[0]})") from error
        if not isinstance(settings, dict) or not {"model", "config", "training", "data"} <= settings.keys():
            raise RunError(f"run: {self.settings} lacks model, config, training or data")
        for name in ("config", "training", "data"):
            if not isinstance(settings[name], dict):
                raise RunError(f"run: {self.settings} is damaged ({name} is no mapping)")
        return settings

    def load_data(self, data_dir: str | Path | None = None) -> ImageData:
        """Load the data that the run began with, from `data_dir` where one is given."""
        source = {**self.read_settings()["data"], **({"data_dir": data_dir} if data_dir else {})}
        try:
            return load_data(**source)
        except TypeError as error:
            raise RunError(f"run: {self.settings} tells of no data that can be loaded ({error})") from error

    def read_result(self) -> dict[str, Any]:
        """Return the final numbers; RunError where the run has not finished."""
        if not self.result.is_file():
            raise RunError(f"run: {self.path} has no finished run; continue it with --resume {self.path}")
        try:
            return dict(json.loads(self.result.read_text()))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"run: {self.result} is damaged ({error})") from error

    def read_history(self) -> pd.DataFrame:
        """Return one row an epoch, gathered from the CSV logs of all the sessions of this run."""
        tables = []
        for log in sorted(self.logs.glob("csv/version_*/metrics.csv"), key=lambda p: int(p.parent.name.split("_")[1])):
            if not log.stat().st_size:  # a session that was killed before its first line
                continue
            table = pd.read_csv(log)
            present = [name for name in (*CURVES, SPIKES) if name in table]
            if "epoch" in table and present:
                tables.append(table.groupby("epoch")[present].last())
        if not tables:
            return pd.DataFrame(columns=list(CURVES))
        merged = pd.concat(tables)
        merged = merged.reindex(columns=[*CURVES, *([SPIKES] if SPIKES in merged else [])])
        merged = merged[~merged.index.duplicated(keep="last")].sort_index().dropna(how="all")
        return merged.set_axis(pd.Index(merged.index.astype(int) + 1, name="epoch"))
