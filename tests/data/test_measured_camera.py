"""Synthetic recordings of the measured camera: what its physics promises, and how like the real ones they are."""

from __future__ import annotations

import itertools
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import sqnn
from sqnn.core import ConfigError
from sqnn.data import MeasuredCamera, Recording, Saccades, Split, simulate_saccades
from sqnn.data.events import SYNTHETIC
from sqnn.data.events.measured import LEGS, START, STEP, STEPS
from sqnn.studies import likeness

QUIET = MeasuredCamera(background=0, spread=0)
LENGTH = STEP * STEPS


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawings() -> torch.Tensor:
    """Strokes as wide as MNIST's in its 28 x 28 pixels: a one, a seven, a zero."""
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    upright = (columns - 14).abs().where((rows - 14).abs() < 10, torch.tensor(9.0))
    bar = (rows - 5).abs().where((columns - 14).abs() < 7, torch.tensor(9.0))
    slope = (columns - 20 + 0.4 * (rows - 5)).abs().where((rows >= 5) & (rows < 24), torch.tensor(9.0))
    ring = (((rows - 14) / 9.5).square() + ((columns - 14) / 7).square()).sqrt().sub(1).abs() * 8
    return torch.stack([(2.2 - part).clamp(0, 1) for part in (upright, torch.minimum(bar, slope), ring)])[:, None]


def counts(recording: Recording) -> NDArray[np.int64]:
    """Numbers of events [leg, polarity, row, column]."""
    events = recording.events
    made = np.zeros((3, 2, *(recording.sensor or ())), np.int64)
    np.add.at(made, (np.minimum(events["t"] // 100_000, 2), events["p"], events["y"], events["x"]), 1)
    return made


def gaps(recording: Recording) -> NDArray[np.int64]:
    """Microseconds from each event to the next of the same pixel."""
    events = recording.events
    pixels = events["y"].astype(np.int64) * 1000 + events["x"]
    order = np.lexsort((events["t"], pixels))
    return np.diff(events["t"][order])[np.diff(pixels[order]) == 0]


def test_the_control_is_the_measured_camera_without_all_that_is_random() -> None:
    control = SYNTHETIC["nmnist-noiseless"]()
    one, other = (simulate_saccades(drawings(), generator(seed), control) for seed in (0, 1))
    quiet = simulate_saccades(drawings(), generator(), QUIET)
    noisy = simulate_saccades(drawings(), generator(), SYNTHETIC["nmnist"]())
    for first, second, third, fourth in zip(one, other, quiet, noisy, strict=True):
        assert np.array_equal(first.events, second.events)
        assert np.array_equal(first.events, third.events)
        assert not np.array_equal(first.events, fourth.events)
    plain, measured = control.to_dict(), MeasuredCamera().to_dict()
    assert {name for name in measured if plain[name] != measured[name]} == {"spread", "background"}


def test_a_level_picture_gives_background_alone() -> None:
    """Poisson of the stated rate, without a place or a time of its own, all of polarity 1, as leak makes it."""
    level = torch.full((40, 1, 28, 28), 0.4)
    assert [len(each) for each in simulate_saccades(level, generator(), QUIET)] == [0] * 40
    camera = MeasuredCamera(background=2)
    recordings = simulate_saccades(level, generator(), camera)
    expected = 40 * 34 * 34 * 2 * LENGTH / 1e6
    events = np.concatenate([each.events for each in recordings])
    assert abs(len(events) - expected) < 5 * np.sqrt(expected)
    assert events["p"].all()
    for field, most in (("x", 34), ("y", 34), ("t", LENGTH)):
        assert abs(events[field].mean() / (most - 1) - 0.5) < 5 * 0.3 / np.sqrt(len(events))
    assert len({len(each) for each in recordings}) > 10


def test_a_camera_that_stands_still_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqnn.data.events.measured.LEGS", tuple(leg._replace(columns=0, rows=0) for leg in LEGS))
    assert not any(map(len, simulate_saccades(drawings(), generator(), QUIET)))


def test_an_edge_tells_of_both_sides_and_inverted_contrast_swaps_them() -> None:
    """In leg 2 a digit goes up and right: shown dark on light, its upper edge becomes darker and its lower brighter."""
    bar = torch.zeros(1, 1, 28, 28)
    bar[..., 12:16, 4:24] = 1
    rows = np.arange(34)
    for negative in (True, False):
        made = counts(simulate_saccades(bar, generator(), MeasuredCamera(background=0, negative=negative))[0])
        assert made.sum() > 500
        for leg, down in ((0, 1), (1, -1)):  # rows grow downwards
            above, below = ((made[leg, p].sum(1) * rows).sum() / made[leg, p].sum() for p in (0, 1))
            leads = (above - below) * down  # where it became darker, along the movement
            assert leads > 0.5 if negative else leads < -0.5
    # The negative of a picture, shown as its negative, is the picture.
    one = simulate_saccades(drawings(), generator(), MeasuredCamera())
    other = simulate_saccades(1 - drawings(), generator(), MeasuredCamera(negative=False))
    assert all(abs(len(a) - len(b)) < 0.01 * len(a) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("refractory", [500, 3000, 20_000])
def test_a_pixel_is_deaf_after_each_event(refractory: int) -> None:
    camera = MeasuredCamera(refractory=refractory, background=5)
    recordings = simulate_saccades(drawings(), generator(), camera)
    shortest = [gaps(recording).min() for recording in recordings]
    assert min(shortest) >= refractory
    assert min(shortest) < refractory + 4 * STEP


def test_numbers_of_events_are_those_of_real_recordings() -> None:
    """Of N-MNIST, 1,112 to 7,152 events, of all legs and both polarities."""
    for recording in simulate_saccades(drawings(), generator(), MeasuredCamera()):
        made = counts(recording)
        assert recording.sensor == (34, 34)
        assert 1112 <= len(recording) <= 7152
        assert (made.sum((1, 2, 3)) > 0.15 * made.sum()).all()
        assert 0.4 < made[:, 1].sum() / made.sum() < 0.6
        assert (np.diff(recording.events["t"]) >= 0).all()
        assert recording.events["t"].max() < LENGTH


def test_a_view_is_the_picture_moved_and_blurred() -> None:
    """A point's light: its sum is the scale squared, its centre follows the path, its spread is that of the optics."""
    point = np.zeros((1, 28, 28))
    point[0, 9, 17] = 1
    camera = MeasuredCamera(negative=False, gamma=1, blur=0.8, scale=1.1)
    views = camera._views(point, 34, 34)[:, :, 0].astype(np.float64)
    places = np.arange(34)
    for number, time in ((0, 0), (46, 92_000), (155, 310_000)):
        done = [leg for leg in LEGS if leg.end <= time]
        view = views[number]
        assert view.sum() == pytest.approx(1.1**2, rel=1e-4)
        for axis, at, start, moved in ((0, 9, START[1], "rows"), (1, 17, START[0], "columns")):
            share = view.sum(1 - axis) / view.sum()
            centre = (share * places).sum()
            expected = start + sum(getattr(leg, moved) for leg in done) + 14 + 1.1 * (at + 0.5 - 14) - 0.5
            assert centre == pytest.approx(expected, abs=1e-3)
            assert (share * (places - centre) ** 2).sum() == pytest.approx(0.8**2 + 1.1**2 / 12 + 1 / 12, abs=0.1)


def test_a_pixel_counts_the_thresholds_that_a_slow_ramp_passes() -> None:
    camera = MeasuredCamera(threshold_on=0.2, threshold_off=0.1, refractory=0, low_pass=0)
    ramp = np.linspace(0, 2.05, STEPS + 1, dtype=np.float32)
    light = np.stack([ramp, -ramp, 0 * ramp], 1)
    times, pixels, rises = camera._crossings(light, np.ones(3, np.float32))
    assert np.bincount(pixels).tolist() == [10, 20]
    assert rises.tolist() == (pixels == 0).tolist()
    for pixel, threshold in ((0, 0.2), (1, 0.1)):
        crossed = threshold * np.arange(1, np.bincount(pixels)[pixel] + 1) / 2.05 * LENGTH
        np.testing.assert_allclose(np.sort(times[pixels == pixel]), crossed, atol=2)
    # A low pass is late by its time constant.
    late, _, _ = dataclass_with(camera, low_pass=10_000)._crossings(light[:, :1], np.ones(1, np.float32))
    np.testing.assert_allclose(late[2:] - times[pixels == 0][2 : len(late)], 10_000, atol=1200)


def dataclass_with(camera: MeasuredCamera, **changes: float) -> MeasuredCamera:
    return MeasuredCamera.from_dict({**camera.to_dict(), **changes})


def test_all_randomness_is_the_generator_s() -> None:
    torch.manual_seed(1)
    first = simulate_saccades(drawings(), generator(3), MeasuredCamera())
    torch.manual_seed(2)
    again = simulate_saccades(drawings(), generator(3), MeasuredCamera())
    other = simulate_saccades(drawings(), generator(4), MeasuredCamera())
    for a, b, c in zip(first, again, other, strict=True):
        assert (a.events == b.events).all()
        assert len(a) != len(c) or (a.events != c.events).any()
    # Without noise, a recording does not depend on those beside it.
    alone = simulate_saccades(drawings()[1:2], generator(), QUIET)[0]
    beside = simulate_saccades(drawings(), generator(), QUIET)[1]
    assert np.abs(counts(alone) - counts(beside)).sum() <= 0.002 * len(alone)


def test_sets_have_one_camera_and_noise_that_is_new_each_time() -> None:
    stored = Split((255 * drawings()[[1, 1]]).byte(), torch.zeros(2).long())
    same = sqnn.ImageData("same", stored, stored, stored, ("seven", "other"))
    made = sqnn.data.synthetic_set(same, "nmnist", timesteps=1, max_count=255)
    assert (made.name, made.image_size) == ("same-synthetic-nmnist", (34, 34))
    assert made.source == {
        "name": "same", "kind": "arrays", "synthetic": "nmnist", "timesteps": 1, "frames_by": "time", "max_count": 255,
    }  # fmt: skip
    frames = [part.images[number].int() for part in made.splits.values() for number in (0, 1)]
    for one, other in itertools.pairwise(frames):
        # Thresholds of their own would change many more: background is 3 % of the events.
        assert 0 < (one - other).abs().sum() < 0.09 * one.sum()
    again = sqnn.data.synthetic_set(same, "nmnist", timesteps=1, max_count=255)
    assert again.fingerprint == made.fingerprint


def test_other_cameras_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"camera: got 'nmnist', expected a Saccades\(\) or a MeasuredCamera\(\)"):
        simulate_saccades(drawings(), generator(), "nmnist")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="refractory: got -1, expected"):
        MeasuredCamera(refractory=-1)
    assert isinstance(Saccades(), sqnn.data.events.Camera)


def _archive() -> Path | None:
    return next((Path(os.environ.get("SQNN_DATA", "none")) / "nmnist").glob("*.tar*"), None)


@pytest.mark.skipif(_archive() is None, reason="no recordings of N-MNIST here; SQNN_DATA/nmnist/*.tar.xz would be read")
def test_synthetic_recordings_are_like_real_ones(tmp_path: Path) -> None:
    """Of pictures that nothing was fitted to: 0.92 summed over the legs, 0.82 by leg and polarity, as required."""
    chosen = range(600, 630)
    with tarfile.open(_archive()) as archive:
        for number in chosen:
            archive.extract(f"{number + 1}.bs2", tmp_path, filter="data")
    pictures = sqnn.load_data("mnist", validation=0, download=False).train.floats(list(chosen))
    made = simulate_saccades(pictures, generator(), MeasuredCamera())
    real = [sqnn.data.read_events(tmp_path / f"{number + 1}.bs2") for number in chosen]
    found = likeness(made, real)
    assert found["correlation of pixels, summed"] > 0.92
    assert found["correlation of pixels, by leg and polarity"] > 0.82
    by_hand = [
        np.corrcoef(counts(one).ravel(), counts(other).ravel())[0, 1] for one, other in zip(made, real, strict=True)
    ]
    assert found["correlation of pixels, by leg and polarity"] == pytest.approx(np.mean(by_hand))
