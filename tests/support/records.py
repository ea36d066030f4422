"""One small file of each kind that numbers rest on, how each is read, and faults to be noticed in it.

Run as a program, it prints a table: faults tried, how many were read as the same, refused, or read as something else,
the most memory that a reading took beside the size of its file, and the longest time.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import random
import sys
import tarfile
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import noise_models
import sqnn
from sqnn.cli.options import read_config
from sqnn.conversion import convert, load_spiking, save_spiking
from sqnn.core import content_digest, write_record
from sqnn.data import read_images
from sqnn.data.sources.cifar import FILES as CIFAR_FILES
from sqnn.data.sources.cifar import FOLDER
from sqnn.data.sources.idx import FILES as IDX_FILES
from sqnn.models import create_model
from sqnn.studies import ResultsTable
from sqnn.studies.noise_sweep.study import NoiseSweep
from sqnn.studies.runner.folder import RowsFolder
from sqnn.training import RunFolder, RunSettings, SafeCheckpointIO, TrainingConfig

FLIPS, CUTS, EDITS = 200, 50, 200
MOST_MEMORY = 2**25
"""Bytes that the reading of a small file may take, whatever it announces."""
LONGEST_LINE = 800


def refuse(action: Callable[[], object], error: type[ValueError], expected: str) -> None:
    """The action is refused in one line, and takes little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(error, match=expected) as caught:
            action()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < LONGEST_LINE


@dataclasses.dataclass(frozen=True)
class Kind:
    """A file of one kind; `read` returns its meaning in a form that can be compared.

    What a `loose` file says, nothing can prove: a user's own text or picture, which has no digest. Of a table, rows
    may be missing, and are measured again.
    """

    path: Path
    read: Callable[[], object]
    loose: bool = False
    rows: bool = False


def kinds(folder: Path) -> dict[str, Kind]:
    """Write a file of each kind into the folder."""
    model = create_model("sqdr-cnn", image_size=(4, 4), channels=(2,), n_qubits=2, num_classes=3, seed=3)
    network = sqnn.save_model(model, folder / "model.safetensors", ["a", "b", "c"])
    source = create_model(
        "vgg11", in_channels=1, image_size=(32, 32), num_classes=2, width_multiplier=0.016, activation="qcfs"
    )
    spiking = save_spiking(convert(source.eval()), folder / "spiking.safetensors")
    run = _run(folder, model)
    noise = folder / "noise.json"
    noise.write_text((noise_models.paper(0.1) + noise_models.readout(0.02)).to_json())
    rows = ResultsTable(folder / "rows.csv")
    row = {"model": "a,b", "seed": 3, "noise": "paper", "strength": 0.1, "accuracy": 0.75, "loss": 1.25, "seconds": 0.5}
    rows.append([{**row, "fingerprint": f"{number:08x}"} for number in range(6)])
    study = RowsFolder(folder / "study", NoiseSweep)
    description = {"study": "noise-sweep", "images": 20, "network": {"width": 3, "alpha": 0.1}}

    def begin() -> object:
        """Begin the study, or go on with it."""
        with study.open(description):
            return study.holds()

    begin()
    config = folder / "config.yaml"
    config.write_text("epochs: 3\nmodel: sqdr-cnn\nchannels: [2, 3]\nlearning-rate: 0.01\n")
    array, picture = folder / "image.npy", folder / "image.png"
    np.save(array, np.arange(16, dtype=np.uint8).reshape(4, 4))
    Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4)).save(picture)
    return {
        "network": Kind(network, lambda: _content(sqnn.load_model(network))),
        "spiking network": Kind(spiking, lambda: _content(load_spiking(spiking))),
        **run,
        "rows of a study": Kind(rows.path, lambda: [tuple(row.items()) for row in rows.rows()], rows=True),
        "settings of a study": Kind(study.path / "settings.yaml", begin),
        "noise (JSON)": Kind(noise, lambda: noise_models.parse_noise(str(noise))),
        **_data(folder, model),
        "options (--config)": Kind(config, lambda: read_config(config), loose=True),
        "array (.npy)": Kind(array, lambda: read_images(array, 1, (4, 4)).tolist(), loose=True),
        "picture (.png)": Kind(picture, lambda: read_images(picture, 1, (4, 4)).tolist(), loose=True),
    }


def _content(model: torch.nn.Module) -> object:
    return content_digest(model.state_dict()), str(model.config), str(getattr(model, "how", ""))


def _run(folder: Path, model: torch.nn.Module) -> dict[str, Kind]:
    place = RunFolder(folder / "run")
    settings = RunSettings(
        model="sqdr-cnn", config=model.config, training=TrainingConfig(epochs=2), data={"name": "digits"}
    )
    place.create(settings)
    result = {
        "model": "sqdr-cnn",
        "data": "digits",
        "classes": ["a", "b"],
        "parameters": {
            "spiking": 3,
            "quantum": 4,
            "quantum_effective": 2,
            "classical": 5,
            "total": 12,
            "effective": 10,
        },
        "epochs": 2,
        "seed": 0,
        "best_epoch": 1,
        "validation_accuracy": 0.5,
        "test_accuracy": 0.75,
        "test_loss": 0.625,
        "confusion": [[3, 1], [1, 3]],
        "seconds": 1.5,
        "versions": {"python": "3.12"},
    }
    write_record(place.result, result)
    optimizer = torch.optim.Adam(model.parameters())
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    place.checkpoints.mkdir()
    files = SafeCheckpointIO(place.settings)
    content = {
        "state_dict": model.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [{"last_epoch": 3, "_last_lr": [0.1]}],
        "epoch": 1,
        "global_step": 10,
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"EpochCheckpoint": {"best_model_score": torch.tensor(0.5), "dirpath": "run"}},
    }
    files.save_checkpoint(content, place.last)
    return {
        "checkpoint": Kind(place.last, lambda: content_digest(files.load_checkpoint(place.last))),
        "settings of a run": Kind(place.settings, lambda: str(place.run_settings())),
        "result of a run": Kind(place.result, lambda: [str(place.read_result().get(name)) for name in result]),
    }


def _data(folder: Path, model: torch.nn.Module) -> dict[str, Kind]:
    """Images of a run, in each format."""
    generator = np.random.default_rng(0)
    mnist, packed, cifar, archived = (folder / name for name in ("plain", "packed", "cifar", "archived"))
    for place in (mnist / "mnist", packed / "mnist", cifar / FOLDER, archived):
        place.mkdir(parents=True)
    for name, count in zip(IDX_FILES, (30, 30, 10, 10), strict=True):
        sizes = (count, 4, 4) if "images" in name else (count,)
        data = bytes((0, 0, 8, len(sizes))) + b"".join(side.to_bytes(4, "big") for side in sizes)
        data += generator.integers(0, 10, sizes, dtype=np.uint8).tobytes()
        (mnist / "mnist" / name).write_bytes(data)
        (packed / "mnist" / f"{name}.gz").write_bytes(gzip.compress(data))
    with tarfile.open(archived / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name in CIFAR_FILES:
            data = generator.integers(0, 10, 3073, dtype=np.uint8).tobytes()
            (cifar / FOLDER / name).write_bytes(data)
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    files = {
        "IDX": ("mnist", mnist, mnist / "mnist" / IDX_FILES[0]),
        "IDX, gzipped": ("mnist", packed, packed / "mnist" / f"{IDX_FILES[0]}.gz"),
        "CIFAR": ("cifar10", cifar, cifar / FOLDER / CIFAR_FILES[1]),
        "CIFAR, archive": ("cifar10", archived, archived / "cifar-10-binary.tar.gz"),
    }
    result = {}
    for kind, (name, place, path) in files.items():
        data = sqnn.load_data(name, place, validation=1)
        run = RunFolder(folder / f"run of {kind}")
        run.create(
            RunSettings(
                model="sqdr-cnn",
                config=model.config,
                training=TrainingConfig(),
                data=dict(data.source or {}),
                data_sha256=data.fingerprint,
            )
        )
        result[f"images ({kind})"] = Kind(path, lambda run=run: run.load_data().fingerprint)
    return result


def faults(data: bytes, flips: int, cuts: int, edits: int, seed: int = 0) -> Iterator[bytes]:
    """Yield copies of a file with one bit flipped, with its end cut off, and with some bytes written over or put in."""
    draw = random.Random(seed)
    for _ in range(flips):
        copy = bytearray(data)
        copy[draw.randrange(len(copy))] ^= 1 << draw.randrange(8)
        yield bytes(copy)
    for _ in range(cuts):
        yield data[: draw.randrange(len(data))]
    for _ in range(edits):
        start, count = draw.randrange(len(data)), draw.randrange(1, 9)
        new = draw.choice((bytes(draw.choices(data, k=count)), draw.randbytes(count), b"-", b"9", b"\n", b""))
        yield data[:start] + new + data[start + draw.choice((0, count)) :]


@dataclasses.dataclass
class Tally:
    """What became of the faults of one kind."""

    same: int = 0
    refused: int = 0
    fewer: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)
    memory: float = 0
    seconds: float = 0


def tally(kind: Kind, flips: int = FLIPS, cuts: int = CUTS, edits: int = EDITS, measured: bool = False) -> Tally:
    """Read the file with each of the faults in turn, and leave it as it was."""
    whole, counts = kind.path.read_bytes(), Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sqnn.core.RecordWarning)
        meaning = kind.read()
        for data in faults(whole, flips, cuts, edits):
            kind.path.write_bytes(data)
            start = time.perf_counter()
            if measured:
                tracemalloc.start()
            try:
                outcome(kind, meaning, counts)
            finally:
                counts.seconds = max(counts.seconds, time.perf_counter() - start)
                if measured:
                    counts.memory = max(counts.memory, tracemalloc.get_traced_memory()[1])
                    tracemalloc.stop()
    kind.path.write_bytes(whole)
    return counts


def outcome(kind: Kind, meaning: object, counts: Tally) -> None:
    """Read a file once, and count what came."""
    try:
        came = kind.read()
    except ValueError as error:
        ours = type(error).__module__.split(".")[0] == "sqnn" or "noise" in kind.path.name
        line = str(error)
        if ours and len(line.splitlines()) == 1 and len(line) <= LONGEST_LINE:
            counts.refused += 1
        else:
            counts.wrong.append(f"{type(error).__name__}: {line}")
    except Exception as error:
        counts.wrong.append(f"{type(error).__name__}: {error}")
    else:
        if came == meaning or kind.loose:
            counts.same += 1
        elif kind.rows and isinstance(came, list) and all(row in meaning for row in came):
            counts.fewer += 1
        else:
            counts.wrong.append(f"read as {came!r}"[:LONGEST_LINE])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        chosen = sys.argv[1:]
        print("kind | bytes | faults | same | refused | fewer rows | wrong | MiB | seconds")
        for name, kind in kinds(Path(folder)).items():
            if chosen and not any(word in name for word in chosen):
                continue
            c = tally(kind, measured=True)
            total, size = c.same + c.refused + c.fewer + len(c.wrong), kind.path.stat().st_size
            fields = (
                name,
                size,
                total,
                c.same,
                c.refused,
                c.fewer,
                len(c.wrong),
                f"{c.memory / 2**20:.1f}",
                f"{c.seconds:.2f}",
            )
            print(" | ".join(map(str, fields)), flush=True)
            for line in c.wrong[:3]:
                print("   ", line[:300])


if __name__ == "__main__":
    main()
