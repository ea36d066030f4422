"""The study of synthetic recordings: its measures by hand, its files, and what it trains on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from recordings import binary

from sqnn.core import ConfigError
from sqnn.data import MeasuredCamera, Recording, read_events, simulate_saccades
from sqnn.data.events import EVENT
from sqnn.studies import EventsStudy, likeness, plot_events, run_study

SMALL = {
    "first": 5,
    "compared": 4,
    "apart": 6,
    "pictures": 20,
    "validation": 4,
    "timesteps": 2,
    "epochs": 1,
    "seeds": 1,
}
OF_TEST = {1: "Test/3/00001.bin", 2: "60002.bs2"}


def recording(*events: tuple[int, int, int, int]) -> Recording:
    return Recording(np.array(list(events), EVENT), (3, 4))


def blots(count: int, seed: int) -> np.ndarray:
    """Pictures with a bright rectangle of random place and size."""
    random = np.random.default_rng(seed)
    made = np.zeros((count, 28, 28), np.uint8)
    for picture in made:
        (row, column), (height, width) = random.integers(5, 12, 2), random.integers(3, 11, 2)
        picture[row : row + height, column : column + width] = 255
    return made


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + b"".join(side.to_bytes(4, "big") for side in array.shape) + array.tobytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder mnist with 40 training and 5 test pictures, and recordings of eight and two of them."""
    folder = tmp_path_factory.mktemp("events")
    (folder / "mnist").mkdir()
    for kind, count in (("train", 40), ("t10k", 5)):
        pictures = blots(count, count)
        (folder / "mnist" / f"{kind}-images-idx3-ubyte").write_bytes(idx(pictures))
        (folder / "mnist" / f"{kind}-labels-idx1-ubyte").write_bytes(idx((np.arange(count) % 10).astype(np.uint8)))
        grey = torch.from_numpy(pictures)[:8, None] / 255
        made = simulate_saccades(grey, torch.Generator().manual_seed(7), MeasuredCamera())
        for number, each in enumerate(made, 1):
            name = f"Train/0/{number:05}.bin" if kind == "train" else OF_TEST.get(number)
            if name is not None:
                file = folder / "recordings" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(binary(each.events.tolist()))
    (folder / "recordings" / "notes.bin").write_bytes(b"")  # no number: none of N-MNIST's
    return folder


def study(place: Path, **options: object) -> EventsStudy:
    return EventsStudy(**{**SMALL, "recordings": str(place / "recordings"), "data_dir": str(place), **options})


def test_measures_by_hand() -> None:
    real = recording((10, 0, 0, 1), (3010, 0, 0, 1), (150_000, 2, 1, 0), (260_000, 2, 1, 1))
    made = recording((10, 0, 0, 0), (3010, 0, 0, 0), (150_000, 2, 1, 1), (260_000, 2, 1, 0))
    found = likeness([real, real], [real, real])
    for name in ("summed", "by leg and polarity", "another picture"):
        assert found[f"correlation of pixels, {name}"] == pytest.approx(1)
    other = likeness([made], [real])  # the same pixels and times, of the other polarity
    assert other["correlation of pixels, summed"] == pytest.approx(1)
    counts = np.zeros((2, 3, 2, 3, 4))
    for number, each in enumerate((made, real)):
        for t, x, y, p in each.events.tolist():
            counts[number, t // 100_000, p, y, x] += 1
    expected = np.corrcoef(counts.reshape(2, -1))[0, 1]
    assert other["correlation of pixels, by leg and polarity"] == pytest.approx(expected)
    assert expected < 0
    assert other["events, real"] == 4
    assert other["active pixels, synthetic"] == 2
    assert other["share of polarity 1, synthetic"] == pytest.approx(0.25)
    assert other["share of polarity 1, real"] == pytest.approx(0.75)
    assert other["next event of the same polarity, real"] == pytest.approx(0.5)
    assert other["interval of a pixel in ms, median, real"] == pytest.approx((3 + 110) / 2)


def test_files_are_those_of_their_pictures(place: Path) -> None:
    subject = study(place).prepare()
    assert sorted(subject.train_files) == list(range(8))
    assert sorted(subject.test_files) == [0, 1]
    assert subject.test_files[1].name == "60002.bs2"
    assert torch.equal(subject.train.images[:, 0], torch.from_numpy(blots(40, 40)))


def test_recordings_are_compared_with_those_of_the_same_pictures(place: Path) -> None:
    one = study(place, cameras=("nmnist",))
    subject = one.prepare()
    rows = {row["measure"]: row for row in one.measure(one.cells(subject)[0], subject)}
    assert {row["recordings"] for row in rows.values()} == {4}
    # Of the same camera with other thresholds and another background.
    assert 0.93 < rows["correlation of pixels, by leg and polarity"]["value"] < 0.9999
    assert rows["correlation of pixels, another picture"]["value"] < 0.9
    events = [len(read_events(subject.train_files[number])) for number in (4, 5, 6, 7)]
    assert rows["events, real"]["value"] == pytest.approx(np.mean(events))


def test_the_control_of_the_measured_camera_is_a_column_beside_it(place: Path) -> None:
    one = study(place, cameras=("nmnist", "nmnist-noiseless"))
    subject = one.prepare()
    rows = [{**row, **cell._asdict()} for cell in one.cells(subject)[:2] for row in one.measure(cell, subject)]
    (panel,) = EventsStudy.report(pd.DataFrame(rows))
    assert panel.columns == ("measure", "nmnist", "nmnist-noiseless")
    values = {row[0]: [float(value) for value in row[1:]] for row in panel.rows}
    assert values["events, synthetic"][0] > values["events, synthetic"][1] > 0  # no background
    assert values["events, real"][0] == values["events, real"][1]


def test_a_network_sees_no_real_recording_and_none_of_their_pictures(place: Path) -> None:
    subject = study(place).prepare()
    data, groups = study(place)._frames("nmnist", subject)
    assert data.name == "mnist-synthetic-nmnist"
    assert data.train.labels.tolist() == subject.train.labels[6:26].tolist()
    assert data.validation.labels.tolist() == subject.train.labels[26:30].tolist()
    assert {name: len(split) for name, split in groups.items()} == {
        "real, training pictures": 6,
        "real, test pictures": 2,
    }
    assert groups["real, training pictures"].labels.tolist() == list(range(6))


@pytest.mark.slow
def test_the_study_ends_in_a_table_and_a_picture(place: Path, tmp_path: Path) -> None:
    rows = run_study(study(place), out=tmp_path / "out", progress=False)
    network = rows.frame[rows.frame.part == "network"]
    assert network.measure.tolist() == 2 * ["synthetic validation", "real, training pictures", "real, test pictures"]
    assert network.recordings.tolist() == 2 * [4, 6, 2]
    assert network.value.between(0, 1).all()
    left, right = plot_events(rows.frame).axes
    assert len(right.lines) == len(left.lines) == 2
    assert len(list(EventsStudy.report(rows.frame))) == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"recordings": ""}, "recordings: got '', expected a folder of N-MNIST's files"),
        ({"pictures": 31}, "pictures: got 31, expected at most 30"),
        ({"first": 8}, "first: got 8, expected a number that two or more recordings are from"),
        ({"cameras": "eye"}, "cameras: got 'eye', expected one of saccades, nmnist"),
    ],
)
def test_a_mistake_is_one_line(place: Path, options: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=f"^{expected}"):
        EventsStudy.read(
            {**SMALL, "recordings": str(place / "recordings"), "data_dir": str(place), **options}
        ).prepare()
