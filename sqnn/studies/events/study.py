"""Study of synthetic recordings: how like real ones they are, and what a network learns from them alone."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sqnn.core import Row, commit, computing_in, machine, option, require
from sqnn.data import (
    SYNTHETIC,
    Framing,
    ImageData,
    Split,
    frames_of,
    is_recording,
    load_data,
    read_events,
    simulate_saccades,
    synthetic_set,
)
from sqnn.models import reset_parameters
from sqnn.studies.events.likeness import likeness
from sqnn.studies.runner import Panel, Study, collapse_in_words, kinds

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = kinds("part camera measure: str; seed recordings: int; value: float; commit machine: str; threads: int")
"""Every column and the kind of its values.

`part` is `recordings` or `network`; of the network, `recordings` are those classified, of which `value` is the fraction
that is rightly, and `seed` is that of its training. Likeness to the real camera has seed 0.
"""
RECORDINGS, NETWORK = "recordings", "network"
TRAINING = 60_000
"""Pictures of MNIST to train on; files of higher numbers, or in a folder Test, are of test pictures."""


class EventsCell(NamedTuple):
    """What is measured of one synthetic camera: its recordings, or the network that is trained on them."""

    part: str
    camera: str


class EventsSubject(NamedTuple):
    """Pictures in the order of the files, and paths of their real recordings by the number of the picture, from 0."""

    train: Split
    test: Split
    train_files: Mapping[int, Path]
    test_files: Mapping[int, Path]
    classes: tuple[str, ...]
    sha256: str


def _digest(files: Sequence[Path]) -> str:
    """Return what tells these recordings from others."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


class EventCNN(nn.Module):
    """Two convolutions and a linear layer on frames [batch, time, 2, height, width], whose times are its channels."""

    def __init__(self, timesteps: int, sensor: tuple[int, int], num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Flatten(1, 2), nn.Conv2d(2 * timesteps, 16, 5, 2), nn.ReLU(), nn.Conv2d(16, 32, 5, 2), nn.ReLU()
        )
        left = [((side - 3) // 2 - 3) // 2 for side in sensor]
        self.head = nn.Linear(32 * left[0] * left[1], num_classes)

    def forward(self, frames: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(frames).flatten(1))
        return logits


@dataclasses.dataclass(frozen=True, kw_only=True)
class EventsStudy(Study[EventsSubject, EventsCell]):
    """Compare synthetic recordings of MNIST with those of N-MNIST, and classify the real ones by a network that has
    seen synthetic ones alone.

    `recordings` is a folder of N-MNIST's files, `.bin` or `.bs2`, in any folders below it: number n is of training
    picture n of MNIST, and of a test picture where n is over 60,000 or the file is below a folder Test. The real
    recordings that are classified are those of the first `apart` training pictures, which the network never sees in
    any form, and those of test pictures. It is trained, and its epoch is chosen, on synthetic recordings. The camera
    nmnist-noiseless is the control of nmnist: the same without mismatch of pixels and background.

    Examples:

    sqnn study events --recordings N-MNIST --data-dir DIR

    sqnn study events --recordings N-MNIST --pictures 2000 --seeds 1 --cameras nmnist,nmnist-noiseless
    """

    name = "events"
    title = "synthetic recordings beside those of a real camera"
    columns = COLUMNS
    figure = "sqnn.studies.events.figure:plot_events"
    key = ("part", "camera", "measure", "seed")
    axes = ("cameras",)

    recordings: str = option("", "folder of recordings of N-MNIST")
    data_dir: str | None = option(None, "folder with the files of MNIST (default: $SQNN_DATA)")
    cameras: tuple[str, ...] = option(("saccades", "nmnist"), "synthetic cameras, with commas", among=SYNTHETIC)
    first: int = option(
        501, "first training picture whose recordings are compared; a camera was fitted to some before it", least=1
    )
    compared: int = option(500, "recordings that are compared", least=2)
    apart: int = option(1000, "training pictures that are left out of the training", least=0)
    pictures: int = option(20_000, "synthetic recordings to train on", least=2)
    validation: int = option(1000, "further synthetic recordings that the epoch is chosen by", least=1)
    timesteps: int = option(9, "frames of a recording, of equal duration", least=1, most=100)
    epochs: int = option(10, "passes over the synthetic recordings", least=1)
    seeds: int = option(3, "trainings, seeds 0, 1, ...", least=1)

    def prepare(self) -> EventsSubject:
        folder = Path(self.recordings).expanduser()
        files = [file for file in sorted(folder.rglob("*")) if is_recording(file) and file.stem.isdigit()]
        files = files if self.recordings else []
        require(bool(files), "recordings", self.recordings, "a folder of N-MNIST's files, such as 00001.bin")
        numbers: dict[bool, dict[int, Path]] = {False: {}, True: {}}
        for file in files:
            number, below = int(file.stem), file.relative_to(folder).parts[:-1]
            of_test = "test" in (part.lower() for part in below) or number > TRAINING
            numbers[of_test][(number - 1) % TRAINING] = file
        data = load_data("mnist", self.data_dir, validation=0)
        there, asked = len(data.train), self.apart + self.pictures + self.validation
        require(asked <= there, "pictures", self.pictures, f"at most {there - self.apart - self.validation:,}")
        chosen = [number for number in numbers[False] if number >= self.first - 1]
        require(len(chosen) > 1, "first", self.first, "a number that two or more recordings are from")
        return EventsSubject(data.train, data.test, numbers[False], numbers[True], data.classes, _digest(files))

    def describe(self, subject: EventsSubject) -> dict[str, object]:
        stated = super().describe(subject)
        own = {name: value for name, value in stated.items() if name not in ("recordings", "data_dir")}
        return {**own, "recordings": {"sha256": subject.sha256}}

    def cells(self, subject: EventsSubject) -> list[EventsCell]:
        return [EventsCell(part, camera) for part in (RECORDINGS, NETWORK) for camera in self.cameras]

    def measure(self, cell: EventsCell, subject: EventsSubject) -> list[Row]:
        with computing_in(1):
            rows = self._compare(cell, subject) if cell.part == RECORDINGS else self._transfer(cell, subject)
        return [{**row, "commit": commit(), "machine": machine(), "threads": 1} for row in rows]

    def tell(self, cell: EventsCell, rows: Sequence[Row]) -> str:
        values = ", ".join(f"{row['measure']} {row['value']:.4g}" for row in rows[:2])
        return f"{cell.part}, {cell.camera}: {values}"

    def _compare(self, cell: EventsCell, subject: EventsSubject) -> list[Row]:
        chosen = sorted(number for number in subject.train_files if number >= self.first - 1)[: self.compared]
        pictures = subject.train.floats(chosen)
        began = time.process_time()
        made = simulate_saccades(pictures, torch.Generator().manual_seed(0), SYNTHETIC[cell.camera]())
        milliseconds = 1000 * (time.process_time() - began) / len(chosen)
        real = [read_events(subject.train_files[number]) for number in chosen]
        measured = {**likeness(made, real), "milliseconds per recording": milliseconds}
        return [{"measure": n, "seed": 0, "recordings": len(chosen), "value": v} for n, v in measured.items()]

    def _transfer(self, cell: EventsCell, subject: EventsSubject) -> list[Row]:
        from sqnn.training import evaluate, fit

        data, groups = self._frames(cell.camera, subject)
        rows: list[Row] = []
        for seed in range(self.seeds):
            model = EventCNN(self.timesteps, data.image_size, data.num_classes)
            reset_parameters(model, torch.Generator().manual_seed(seed))
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder) / "run"
                with collapse_in_words(f"{cell.camera}, seed {seed}"):
                    run = fit(
                        model, data, out=place, progress=False, epochs=self.epochs, learning_rate=0.003, seed=seed
                    )
            found = {"synthetic validation": (run.validation_accuracy, self.validation)}
            for name, split in groups.items():
                scored = evaluate(model, dataclasses.replace(data, test=split), progress=False)
                found[name] = (scored.accuracy, len(split))
            rows += [{"measure": n, "seed": seed, "recordings": c, "value": v} for n, (v, c) in found.items()]
        return rows

    def _frames(self, camera: str, subject: EventsSubject) -> tuple[ImageData, dict[str, Split]]:
        """Return synthetic frames to train on and to choose by, and real ones of each kind of picture."""
        framing, part = Framing(timesteps=self.timesteps), subject.train
        learn = part.take(slice(self.apart, self.apart + self.pictures))
        choose = part.take(slice(self.apart + self.pictures, self.apart + self.pictures + self.validation))
        pictures = ImageData("mnist", learn, choose, part.take(slice(0)), subject.classes)
        data = synthetic_set(pictures, camera, timesteps=self.timesteps)
        groups = {}
        for name, part, files, most in (
            ("real, training pictures", subject.train, subject.train_files, self.apart),
            ("real, test pictures", subject.test, subject.test_files, len(subject.test)),
        ):
            chosen = sorted(number for number in files if number < most)
            if chosen:
                frames = [frames_of(str(files[number]), read_events(files[number]), framing) for number in chosen]
                groups[name] = Split(torch.from_numpy(np.stack(frames)), part.labels[chosen], 1)
        return dataclasses.replace(data, test=next(iter(groups.values()), data.validation)), groups

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        """Return mean, least and largest value over the seeds, by camera and measure."""
        grouped = rows.groupby(["part", "camera", "measure"], sort=False).value
        return grouped.agg(seeds="count", mean="mean", least="min", largest="max").reset_index()

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        short = cls.summary(rows)
        for part, title in ((RECORDINGS, "likeness to the real recordings"), (NETWORK, "trained on synthetic alone")):
            lines = short[short.part == part]
            cameras = list(dict.fromkeys(lines.camera))
            body = [
                (measure, *(f"{value:.4g}" for value in group.set_index("camera")["mean"].reindex(cameras)))
                for measure, group in lines.groupby("measure", sort=False)
            ]
            if body:
                yield Panel(title, ("measure", *cameras), body)
