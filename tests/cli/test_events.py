"""Event recordings through every command: trained, measured, predicted, counted, swept, moved and mistaken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from commands import Told
from recordings import write_set

import sqnn
from sqnn.cli import main
from sqnn.data import Framing, read_events
from sqnn.data.events import frames_of

NET = "--epochs 1 --channels 2 --n-qubits 2 --batch-size 8 --no-progress --accelerator cpu"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings `nm` and a run on them."""
    place = tmp_path_factory.mktemp("events")
    write_set(place / "nm", {"Train/0": 8, "Train/1": 8, "Test/0": 3, "Test/1": 3})
    command = f"train --data {place}/nm --timesteps 3 --frames-by count --max-count 4 --size 17 {NET} --out {place}/run"
    assert main(command.split()) == 0
    return place


def test_a_run_stores_how_recordings_became_frames(own: Path, told: Told) -> None:
    run = sqnn.Run.load(own / "run")
    settings = sqnn.training.RunFolder(own / "run").read_settings()
    assert settings["data"] == {
        "name": "nm", "kind": "events", "path": str(own / "nm"), "size": [17, 17], "timesteps": 3,
        "frames_by": "count", "max_count": 4, "classes": ["0", "1"],
    }  # fmt: skip
    assert (settings["config"]["encoding"], settings["config"]["timesteps"]) == ("frames", 3)
    data = sqnn.load_data(own / "nm", timesteps=3, frames_by="count", max_count=4, size=17)
    assert settings["data_sha256"] == data.fingerprint
    assert "nm, test" in told("evaluate run --no-progress --json e.json")
    assert json.loads((own / "e.json").read_text())["accuracy"] == sqnn.evaluate(run.model, data).accuracy
    assert "note" not in told("evaluate run/model.safetensors --data nm --no-progress")
    line = told("evaluate run --data nm --frames-by time --no-progress")
    assert "note: other images" in line
    assert "drawn anew" not in line  # there are folders Train and Test


def test_recordings_are_predicted_as_they_were_trained_on(own: Path, told: Told) -> None:
    told("predict run nm/Test/0 nm/Test/1/00001.bin --json p.json")
    written = json.loads((own / "p.json").read_text())
    assert written["images"][3] == "nm/Test/1/00001.bin"
    framing = Framing(timesteps=3, frames_by="count", max_count=4)
    frames = frames_of("a", read_events(own / "nm/Test/1/00001.bin"), framing, (17, 17))
    model = sqnn.Run.load(own / "run").model
    expected = sqnn.predict(model, torch.from_numpy(frames[None] / np.float32(4)))
    np.testing.assert_allclose(written["probabilities"][3], expected[0], atol=1e-6)
    np.save(own / "frames.npy", np.stack([frames, frames]) / np.float32(4))
    (own / "alone.safetensors").write_bytes((own / "run" / "model.safetensors").read_bytes())
    told("predict alone.safetensors frames.npy --json a.json")
    np.testing.assert_allclose(json.loads((own / "a.json").read_text())["probabilities"][1], expected[0], atol=1e-6)


def test_counts_sweeps_and_moves(own: Path, told: Told) -> None:
    network = "--data nm --timesteps 3 --image-size 17 --channels 2 --n-qubits 2"
    assert told(f"count {network}").split()[1:] == told("count run").split()[1:]
    told("noise-sweep run --noise depolarizing --strength 0,0.1 --workers 0 --no-progress --out sweep")
    rows = pd.read_csv(own / "sweep" / "rows.csv")
    assert set(rows.data) == {"nm"}
    assert rows[rows.strength == 0].accuracy.iloc[0] == sqnn.Run.load(own / "run").test_accuracy
    (own / "nm").rename(own / "elsewhere")
    try:
        assert "nothing at" in told("!evaluate run --no-progress")
        assert "note" not in told("evaluate run --data elsewhere --no-progress")
    finally:
        (own / "elsewhere").rename(own / "nm")


@pytest.mark.slow
def test_synthetic_recordings_are_called_so(own: Path, told: Told) -> None:
    line = told(f"train --data digits --synthetic saccades --timesteps 2 {NET} --out synthetic")
    assert "on digits-synthetic-saccades" in line
    stored = sqnn.training.RunFolder(own / "synthetic").read_settings()["data"]
    assert stored == {
        "name": "digits", "synthetic": "saccades", "timesteps": 2, "frames_by": "time", "max_count": 1,
    }  # fmt: skip
    assert "on digits-synthetic-saccades, test" in told("evaluate synthetic --no-progress")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train --model vgg11 --data nm", "data: got recordings of 8 frames, which vgg11 does not take, expected a"),
        (
            "train --encoding frames --data digits",
            "encoding: got 'frames' for the images of digits, expected",
        ),
        ("train --data nm --encoding direct", "encoding: is taken from the data (frames), got 'direct' beside it"),
        ("train --data nm --frames-by place", "frames_by: got 'place', expected one of time, count"),
        ("train --data nm --sensor 20x20", "outside the sensor of 20x20"),
        ("train --data digits --window 4", "window: got 4 for digits, expected it for a path"),
        ("evaluate run --data digits --no-progress", "but the network was built for"),
        ("evaluate run --frames-by time --no-progress", "frames_by: got 'time', expected none"),
        ("evaluate run --data pics", "pics holds pictures, but run was trained on recordings of events; give a folder"),
        ("predict run nm/Test/0 --invert", "invert: got True, expected none: recordings of events have no ground"),
        (
            "evaluate run --data nm --synthetic saccades",
            "synthetic: got 'saccades' for nm, whose samples",
        ),
        ("predict run p.png", "p.png: not named as a recording"),
        ("predict alone.safetensors nm/Test/0", "how recordings become frames is unknown; give the folder of the run"),
        ("predict alone.safetensors flat.npy", "flat.npy: array of shape (4, 4), expected (3, 2, 17, 17)"),
    ],
)
def test_a_mistake_is_one_line(own: Path, told: Told, line: str, expected: str) -> None:
    (own / "alone.safetensors").write_bytes((own / "run" / "model.safetensors").read_bytes())
    (own / "p.png").write_bytes(b"")
    np.save(own / "flat.npy", np.zeros((4, 4)))
    for name in ("0", "1"):
        (own / "pics" / name).mkdir(parents=True, exist_ok=True)
        (own / "pics" / name / "p.png").write_bytes(b"")
    assert expected in told(f"!{line}")


class Flat(torch.nn.Module):
    """A network of a user's own on spike trains: [batch, time, channels, height, width] to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2 * 17 * 17, 2)

    def forward(self, recordings: torch.Tensor) -> torch.Tensor:
        return self.linear(recordings.flatten(2)).sum(1)


def test_a_network_of_ones_own_takes_spike_trains(own: Path) -> None:
    data = sqnn.load_data(own / "nm", timesteps=3, size=17)
    network = Flat()
    generator = torch.Generator().manual_seed(0)  # not where the tests before have left torch's own
    torch.nn.init.normal_(network.linear.weight, std=0.02, generator=generator)
    run = sqnn.fit(network, data, epochs=3, batch_size=4, out=own / "flat", progress=False)
    assert run.test_accuracy == 1.0  # left and right are a matter of one weighted sum
    assert sqnn.Run.load(own / "flat", Flat).test_accuracy == 1.0
