"""The files of one training run, and how they are written and read."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnn.core import (
    DIGEST,
    LOCK,
    PARTIALS,
    ConfigError,
    InUseError,
    RecordError,
    WriteError,
    brief,
    digest,
    folder_lock,
    path_of,
    read_record,
    read_text,
    reason,
    remove_partials,
    write_errors,
    write_record,
)
from sqnn.data import ImageData, can_load, load_source
from sqnn.training.errors import FolderTakenError, NotFiniteError, RunError, RunInterrupted
from sqnn.training.records import ResultRecord, SettingsRecord

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from sqnn.models import Make
    from sqnn.training.run_settings import RunSettings
    from sqnn.training.terms import LossTerm

CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
RESTORE = "restore it from a copy, or train again in a new folder"
"""How a run comes back whose files are damaged."""
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

    def check_asked(self) -> None:
        """Check that the folder is free before anything slow is done, in the one process of a training that makes it.

        The others of several GPUs are started again from the top, when it is there.
        """
        from lightning.pytorch.utilities import rank_zero_only

        rank_zero_only(self.check_free)()

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
                save_model(initial, self.initial, name=settings.model)
            write_record(self.settings, settings.to_dict())
        except (WriteError, ModelFileError) as error:
            raise RunError(f"out: {str(error).removeprefix('path: ')}") from error

    @contextlib.contextmanager
    def at_work(self, name: str = "run") -> Iterator[None]:
        """Within the block, nobody else writes to the run, and what ends the block early says how the run goes on.

        What killed processes left unfinished is removed. FolderTakenError where another process is at work, RunError
        where the disk takes no more; RunInterrupted after Ctrl-C. `name` is the argument that names the folder.
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
        """Within the block, Ctrl-C and errors name the call that goes on, where there is a run by then.

        Errors of the disk are RunErrors, others carry it as a note.
        """
        from sqnn.models import ModelFileError
        from sqnn.plasticity import RunawayError

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
            problem = str(error).removeprefix("path: ")
            raise RunError(f"run: {problem}, then go on with sqnn.resume({str(self.path)!r})") from error
        except (RunError, NotFiniteError, RunawayError):  # one says itself how it goes on, the others would come again
            raise
        except Exception as error:
            if self.settings.is_file() and not self.result.is_file():
                error.add_note(f"the run goes on with sqnn.resume({str(self.path)!r})")
            raise

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
            raise RunError(f"run: {self.settings} describes no run ({reason(error)}); {RESTORE}") from error

    def read_settings(self) -> dict[str, Any]:
        """Return the settings as plain values; RunError where the folder holds no run, or they were changed."""
        from sqnn.models import what_else

        self._check_there()
        if not self.settings.is_file():
            missing = f"{self.path} holds no run ({self.settings.name} is missing; restore it from a copy)"
            raise RunError(f"run: {what_else(self.path) or missing}")
        try:
            return read_record(self.settings, SettingsRecord, RESTORE)
        except RecordError as error:
            raise RunError(f"run: {what_else(self.path) or error}") from error

    def load_data(self, data_dir: str | Path | None = None) -> ImageData:
        """Load the images that the run began with, from `data_dir` where one is given and they are a published set.

        RunError where that cannot be, and where the images are others than those of the run.
        """
        settings = self.read_settings()
        source = settings["data"]
        if not can_load(source):
            raise RunError(
                f"data: {self.path} was trained on {brief(source.get('name'))}, which is no named data set; pass the "
                "images as data, or name their folder or file (--data PATH)"
            )
        try:
            data = load_source(source, data_dir)
        except TypeError as error:
            raise RunError(f"run: {self.settings} names no data that can be loaded ({reason(error)})") from error
        self.check_data(data, settings)
        return data

    def check_data(self, data: ImageData, settings: Mapping[str, Any]) -> None:
        """Raise RunError where images are others than those that the settings have the digest of."""
        names = settings["data"].get("classes")
        if names not in (None, list(data.classes)):
            raise RunError(
                f"data: got the classes {brief(list(data.classes))}, expected those that {self.path} began with, "
                f"{brief(names)}"
            )
        stored = settings.get("data_sha256")
        if stored is not None and stored != data.fingerprint:
            raise RunError(
                f"data: got {data!r} of other content, expected the images that {self.path} began with; name their "
                f"folder (data_dir), pass them as data, or take {self.model}, a network bound to no images"
            )

    def read_result(self) -> dict[str, Any]:
        """Return the final numbers; RunError where the run has not finished, or the numbers are not its own."""
        self._check_there()
        if not self.result.is_file():
            self.read_settings()
            raise RunError(f"run: {self.path} has no finished run; continue it with sqnn.resume({str(self.path)!r})")
        try:
            result = read_record(self.result, ResultRecord, RESTORE)
        except RecordError as error:
            raise RunError(f"run: {error}") from error
        settings = result.get("settings_sha256")
        if settings is not None and self.settings.is_file() and settings != digest(self.read_settings()):
            raise RunError(f"run: {self.result} is the result of other settings than {self.settings} holds; {RESTORE}")
        return result

    def read_network(self, result: Mapping[str, Any], model: Make | None = None) -> nn.Module:
        """Return the network that the result was measured with; RunError where the folder holds another one.

        `model` makes it where it is one of the user's own.
        """
        from sqnn.models import SEPARATOR, load_model, read_header

        if model is None and SEPARATOR in result["model"]:
            raise RunError(
                f"run: {self.path} trained a network of your own, {brief(result['model'])[1:-1]}, and stores no code; "
                f"give what makes it: Run.load({str(self.path)!r}, model=function)"
            )
        network = load_model(self.model) if model is None else load_model(self.model, model)
        if result.get("network_sha256") not in (None, read_header(self.model).get(DIGEST)):
            raise RunError(f"run: {self.result} was measured with another network than {self.model}; {RESTORE}")
        return network

    def _check_there(self) -> None:
        if not self.path.exists():
            raise RunError(f"run: no folder {self.path}; check the spelling and the current folder")
        if not self.path.is_dir():
            raise RunError(f"run: {self.path} is a file, expected the folder of a run")

    def read_history(self) -> pd.DataFrame:
        """Return one row per epoch, gathered from the CSV logs of all sessions of this run."""
        import pandas as pd

        tables = []
        for log in sorted(self.logs.glob("csv/version_*/metrics.csv"), key=_session):
            if not log.stat().st_size:  # a session that was killed before its first line
                continue
            table = self._read_log(log)
            curves = [name for name in table if name not in NOT_CURVES]
            if "epoch" in table and curves:
                tables.append(table.groupby("epoch")[curves].last())
        if not tables:
            return pd.DataFrame(columns=list(CURVES))
        merged = pd.concat(tables)
        merged = merged.reindex(columns=[*CURVES, *(name for name in merged if name not in CURVES)])
        merged = merged[~merged.index.duplicated(keep="last")].sort_index().dropna(how="all")
        return merged.set_axis(pd.Index(merged.index.astype(int) + 1, name="epoch"))

    @staticmethod
    def _read_log(log: Path) -> pd.DataFrame:
        """Return the rows of a log; RunError where something else than numbers stands in it."""
        import pandas as pd

        try:
            table = pd.read_csv(io.StringIO(read_text(log)))
            columns = {name: pd.to_numeric(table[name]) for name in table}
            epochs = columns.get("epoch", pd.Series(dtype=float)).dropna()
            if not ((epochs >= 0) & (epochs % 1 == 0)).all():
                raise ValueError("an epoch that is no whole number")
            for name, values in columns.items():
                if "accuracy" in str(name) and not values.dropna().between(0, 1).all():
                    raise ValueError(f"{brief(name)} outside [0, 1]")
        except (ValueError, OSError) as error:
            mend = "remove its line, and its epoch is missing from the curves"
            raise RunError(f"run: {log} is damaged ({reason(error)}); {mend}") from error
        return pd.DataFrame(columns)


def _session(log: Path) -> int:
    """Return the number of the session that wrote a log."""
    number = log.parent.name.removeprefix("version_")
    return int(number) if number.isdecimal() else -1
