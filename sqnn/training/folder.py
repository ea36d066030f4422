"""The files of one training run, and how they are written and read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sqnn.core import (
    LOCK,
    PARTIALS,
    ConfigError,
    InUseError,
    WriteError,
    folder_lock,
    path_of,
    read_yaml,
    remove_partials,
    write_errors,
    write_text,
)
from sqnn.data import DATASETS, ImageData, load_data
from sqnn.training.errors import FolderTakenError, RunError, RunInterrupted

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from sqnn.training.run_settings import RunSettings
    from sqnn.training.terms import LossTerm

CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
NOT_CURVES = ("epoch", "step")
"""Columns of the log that are no curves."""


class _File:
    """The path of a file of a run, by its name in the run's folder."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, folder: RunFolder, owner: type[RunFolder]) -> Path:
        return folder.path / self.name


@dataclass(frozen=True)
class RunFolder:
    """Names of the files in a run's folder."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", path_of("path", self.path))

    settings = _File("settings.yaml")
    """Everything needed to start or resume the run, YAML."""
    checkpoints = _File("checkpoints")
    """Best and last checkpoint."""
    last = _File("checkpoints/last.ckpt")
    """Checkpoint of the last finished epoch."""
    best = _File("checkpoints/best.ckpt")
    """Checkpoint of the epoch with the best validation accuracy."""
    logs = _File("logs")
    """CSV and TensorBoard logs; a resumed run adds a version."""
    initial = _File("initial.safetensors")
    """The network as training began, in runs whose seed did not draw its weights."""
    model = _File("model.safetensors")
    """The best network."""
    result = _File("result.json")
    """Final numbers, JSON."""
    picture = _File("training.png")
    """Learning curves and confusion matrix."""

    def owns(self, file: Path) -> bool:
        """Say whether a file is one that the run here needs, which nothing else may write to."""
        return self.settings.exists() and self.keeps(file)

    def keeps(self, file: Path) -> bool:
        """Say whether a file has the place of one that a run here needs."""
        files = (self.settings, self.last, self.best, self.initial, self.model, self.result, self.picture)
        return file.resolve() in {own.resolve() for own in files}

    def check_free(self) -> None:
        """Raise RunError where the folder cannot take a new run: another is there, or anything else.

        What a process left that was killed before it had written the settings is nothing.
        """
        left = (LOCK, self.initial.name)
        try:
            with write_errors(self.path):
                if self.path.is_file():
                    raise RunError(f"out: {self.path} is a file, expected a folder, new or empty; choose another name")
                there = self.path.iterdir() if self.path.is_dir() else [self.path] if self.path.exists() else ()
                if all(file.name in left or file.match(PARTIALS) for file in there):
                    return
        except WriteError as error:
            raise RunError(f"out: {error}") from error
        resumes = self.settings.is_file() and not self.result.is_file()
        go_on = f", or continue it with sqnn.resume({str(self.path)!r})" if resumes else ""
        raise FolderTakenError(f"out: {self.path} is not empty; choose another folder{go_on}")

    def create(self, settings: RunSettings, initial: nn.Module | None = None) -> None:
        """Make the folder, write the network to begin with where one is given, and the settings.

        RunError where a run is there already or nothing can be written.
        """
        from sqnn.models import ModelFileError, save_model

        self.check_free()
        try:
            with write_errors(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
                self.initial.unlink(missing_ok=True)
            if initial is not None:
                save_model(initial, self.initial)
            write_text(self.settings, settings.to_yaml())
        except (WriteError, ModelFileError) as error:
            raise RunError(f"out: {str(error).removeprefix('path: ')}") from error

    @contextlib.contextmanager
    def at_work(self, name: str = "run") -> Iterator[None]:
        """Within the block, nobody else writes to the run, and what ends the block early says how the run goes on.

        What killed processes left unfinished is removed. FolderTakenError where another process is at work, RunError
        where the disk takes no more; RunInterrupted after Ctrl-C. `name` is the argument that the folder came by.
        """
        try:
            with folder_lock(self.path):
                self.remove_partials()
                with self._goes_on():
                    yield
        except InUseError as error:
            raise FolderTakenError(f"{name}: {error}") from error
        except WriteError as error:
            raise RunError(f"{name}: {error}") from error

    @contextlib.contextmanager
    def _goes_on(self) -> Iterator[None]:
        """Within the block, Ctrl-C and errors of the disk name the call that goes on, where there is a run by then."""
        from sqnn.models import ModelFileError

        try:
            with write_errors(self.path):
                yield
        except (KeyboardInterrupt, WriteError, ModelFileError) as error:
            if not self.settings.is_file() or self.result.is_file():
                raise
            if isinstance(error, KeyboardInterrupt):
                raise RunInterrupted(self.path) from error
            if not isinstance(error, WriteError) and not isinstance(error.__cause__, WriteError):
                raise
            reason = str(error).removeprefix("path: ")
            raise RunError(f"run: {reason}, then go on with sqnn.resume({str(self.path)!r})") from error

    def remove_partials(self) -> None:
        """Remove the unfinished files of killed processes."""
        remove_partials(self.path)

    def run_settings(self, values: Mapping[str, Any] | None = None, terms: Sequence[LossTerm] = ()) -> RunSettings:
        """Return the settings, from `values` that were read before where given; RunError where they describe no run.

        `terms` are the user's own loss terms of the run.
        """
        from sqnn.training.run_settings import RunSettings

        values = self.read_settings() if values is None else values
        try:
            return RunSettings.from_dict(values, terms)
        except (ConfigError, TypeError, KeyError) as error:
            raise RunError(f"run: {self.settings} describes no run ({error})") from error

    def read_settings(self) -> dict[str, Any]:
        """Return the settings as plain values; RunError where the folder holds no run."""
        self._check_there()
        if not self.settings.is_file():
            raise RunError(f"run: {self.path} holds no run ({self.settings.name} is missing)")
        try:
            settings = read_yaml(self.settings.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise RunError(f"run: {self.settings} is damaged ({str(error).splitlines()[0]})") from error
        if not isinstance(settings, dict) or not {"model", "config", "training", "data"} <= settings.keys():
            raise RunError(f"run: {self.settings} lacks model, config, training or data")
        for name in ("config", "training", "data"):
            if not isinstance(settings[name], dict):
                raise RunError(f"run: {self.settings} is damaged ({name} is no mapping)")
        return settings

    def load_data(self, data_dir: str | Path | None = None) -> ImageData:
        """Load the data that the run began with, from `data_dir` where one is given; RunError where that cannot be."""
        source = {**self.read_settings()["data"], **({"data_dir": data_dir} if data_dir else {})}
        if source.get("name", "digits") not in DATASETS:
            raise RunError(
                f"data: {self.path} was trained on {source['name']!r}, which is no named data set; pass the images "
                "as data"
            )
        try:
            return load_data(**source)
        except TypeError as error:
            raise RunError(f"run: {self.settings} names no data that can be loaded ({error})") from error

    def read_result(self) -> dict[str, Any]:
        """Return the final numbers; RunError where the run has not finished."""
        self._check_there()
        if not self.result.is_file():
            self.read_settings()
            raise RunError(f"run: {self.path} has no finished run; continue it with sqnn.resume({str(self.path)!r})")
        try:
            return dict(json.loads(self.result.read_text()))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"run: {self.result} is damaged ({error})") from error

    def _check_there(self) -> None:
        if not self.path.exists():
            raise RunError(f"run: no folder {self.path}")
        if not self.path.is_dir():
            raise RunError(f"run: {self.path} is a file, expected the folder of a run")

    def read_history(self) -> pd.DataFrame:
        """Return one row per epoch, gathered from the CSV logs of all sessions of this run."""
        import pandas as pd

        tables = []
        for log in sorted(self.logs.glob("csv/version_*/metrics.csv"), key=lambda p: int(p.parent.name.split("_")[1])):
            if not log.stat().st_size:  # a session that was killed before its first line
                continue
            table = pd.read_csv(log)
            curves = [name for name in table if name not in NOT_CURVES]
            if "epoch" in table and curves:
                tables.append(table.groupby("epoch")[curves].last())
        if not tables:
            return pd.DataFrame(columns=list(CURVES))
        merged = pd.concat(tables)
        merged = merged.reindex(columns=[*CURVES, *(name for name in merged if name not in CURVES)])
        merged = merged[~merged.index.duplicated(keep="last")].sort_index().dropna(how="all")
        return merged.set_axis(pd.Index(merged.index.astype(int) + 1, name="epoch"))
