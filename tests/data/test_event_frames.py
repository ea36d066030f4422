"""Frames of recordings: each event in its frame, none lost, and sets of them as networks take them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import FORMS, some_events, write_set

import sqnn
from sqnn.core import ConfigError
from sqnn.data import DataError, Framing, ImageDataModule, Recording, augment, load_source
from sqnn.data.events import EVENT, frames_of, recording_of

SENSOR = (5, 7)
EVENTS = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 6), st.integers(0, 4), st.integers(0, 1)), min_size=1, max_size=40
).map(lambda events: sorted(events, key=lambda event: event[0]))


def recording(events: list[tuple[int, ...]], sensor: tuple[int, int] = SENSOR) -> Recording:
    return Recording(np.array(events, EVENT), sensor)


def by_hand(events: list[tuple[int, ...]], framing: Framing, size: tuple[int, int]) -> np.ndarray:
    """The definition of a frame, one event after the other."""
    frames = np.zeros((framing.timesteps, 2, *size), int)
    first, last = events[0][0], events[-1][0]
    for number, (t, x, y, p) in enumerate(events):
        place, whole = (t - first, last - first + 1) if framing.frames_by == "time" else (number, len(events))
        step = place * framing.timesteps // whole if framing.window is None else place // framing.window
        if step < framing.timesteps:
            frames[step, p, y * size[0] // SENSOR[0], x * size[1] // SENSOR[1]] += 1
    return np.minimum(frames, framing.max_count)


@settings(max_examples=60, deadline=None)
@given(
    events=EVENTS,
    timesteps=st.integers(1, 9),
    by=st.sampled_from(["time", "count"]),
    window=st.none() | st.integers(1, 300),
    most=st.sampled_from([1, 3, 255]),
    size=st.sampled_from([SENSOR, (2, 3), (5, 1)]),
)
def test_every_event_is_in_its_frame(events, timesteps, by, window, most, size) -> None:
    framing = Framing(timesteps=timesteps, frames_by=by, window=window, max_count=most)
    frames = frames_of("a", recording(events), framing, size)
    assert (frames == by_hand(events, framing, size)).all()
    if window is None and most == 255:
        assert frames.sum() == len(events)  # none is lost
        if by == "count":
            steps = frames.sum((1, 2, 3))
            assert steps.max() - steps.min() <= 1


def test_what_lies_outside_the_sensor_is_one_line() -> None:
    for event in ((0, 7, 0, 1), (0, 0, 5, 1)):
        with pytest.raises(DataError, match=r"event 1 is in column \d and row \d, outside the sensor of 5x7"):
            frames_of("a", recording([(0, 1, 1, 0), event]), Framing())
    with pytest.raises(DataError, match="size: got 6x7, expected at most the sensor's 5x7"):
        frames_of("a", recording([(0, 1, 1, 0)]), Framing(), (6, 7))
    with pytest.raises(DataError, match="sensor: got None for a, which does not say"):
        frames_of("a", Recording(np.zeros(1, EVENT)), Framing())
    with pytest.raises(DataError, match=r"timesteps: got 1000 frames of 4000x4000 pixels, expected at most 268,435"):
        frames_of("a", recording([(0, 1, 1, 0)], (4000, 4000)), Framing(timesteps=1000))
    assert frames_of("a", recording([(0, 9, 9, 1)]), Framing(sensor=(10, 10))).shape == (8, 2, 10, 10)
    for option in ({"timesteps": 0}, {"frames_by": "space"}, {"window": 0}, {"max_count": 256}, {"sensor": (0, 4)}):
        with pytest.raises(ConfigError, match=f"{next(iter(option))}: got"):
            Framing(**option)


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_of_recordings_is_read_as_one_of_pictures_is(tmp_path: Path, form: str) -> None:
    root = write_set(tmp_path / "set", {"Train/0": 6, "Train/1": 6, "Test/0": 2, "Test/1": 3}, form)
    options = {"timesteps": 4, "size": 17, "max_count": 9, "sensor": (34, 34)}
    data = sqnn.load_data(root, **options)
    assert repr(data) == ("ImageData('set': train 11, validation 1, test 5; 4 frames of 2x17x17 pixels, 2 classes)")
    assert data.source == {
        "name": "set", "kind": "events", "path": str(root), "size": [17, 17], "timesteps": 4, "frames_by": "time",
        "max_count": 9, "sensor": [34, 34], "classes": ["0", "1"],
    }  # fmt: skip
    assert load_source(data.source).fingerprint == data.fingerprint
    assert sqnn.load_data(root, **options, frames_by="count").fingerprint != data.fingerprint
    assert (data.timesteps, data.in_channels, data.image_size, data.num_classes) == (4, 2, (17, 17), 2)
    images, labels = next(iter(ImageDataModule(data, batch_size=3).train_dataloader()))
    assert images.shape == (3, 4, 2, 17, 17)
    half = images.sum((1, 2, 3)).cumsum(-1)[:, 8] / images.sum((1, 2, 3, 4))
    assert torch.equal(half < 0.5, labels == 1)  # the class 1 is on the right


class Tonic:
    """A data set as tonic has them, without the package: (events, label) by number, and the sensor's size."""

    classes = ("left", "right")

    def __init__(self, sensor: tuple[int, int, int] | None = (34, 20, 2)) -> None:
        if sensor is not None:
            self.sensor_size = sensor

    def __len__(self) -> int:
        return 12

    def __getitem__(self, number: int) -> tuple[np.ndarray, int]:
        fields = np.dtype([("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "<i1")])
        events = [(x, y, t, p) for t, x, y, p in some_events(30, 20, seed=number)]
        return np.array(events, fields), number % 2


def test_data_sets_and_lists_of_arrays_are_taken() -> None:
    from_set = sqnn.ImageData.from_events(Tonic(), timesteps=3, test=Tonic())
    assert (from_set.image_size, from_set.classes, len(from_set.test)) == ((20, 34), ("left", "right"), 12)
    items = [Tonic()[number] for number in range(12)]
    events, labels = [item[0] for item in items], [item[1] for item in items]
    listed = sqnn.ImageData.from_events(events, labels, timesteps=3, sensor=(20, 34), test=(events, labels))
    assert listed.fingerprint == from_set.fingerprint
    assert from_set.source == {"name": "events", "kind": "events", "classes": ["left", "right"]}
    unknown = [Recording(recording_of("a", array).events) for array in events]
    stated = sqnn.ImageData.from_events(list(zip(unknown, labels, strict=True)), timesteps=3, sensor=(20, 34))
    assert torch.equal(stated.train.images, sqnn.ImageData.from_events(Tonic(), timesteps=3).train.images)
    backwards = Recording(np.array([(5, 1, 1, 0), (4, 1, 1, 0)], EVENT), (20, 34))
    for call, expected in (
        (lambda: sqnn.ImageData.from_events([(Recording(np.empty(0, EVENT), (5, 5)), 0)]), "item 0: holds no events"),
        (lambda: sqnn.ImageData.from_events([(backwards, 0)]), "item 0: time runs backwards, from 5 to 4 us"),
        (lambda: sqnn.ImageData.from_events(Tonic(None)), "sensor: got None for recordings, item 0"),
        (lambda: sqnn.ImageData.from_events(events), "item 0 is .*, expected a pair"),
        (lambda: sqnn.ImageData.from_events(3), "recordings: got 3, expected a folder, a data set"),
        (lambda: sqnn.ImageData.from_events([]), "gave no recording"),
        (lambda: sqnn.ImageData.from_events("nowhere"), "path: nothing at 'nowhere'"),
        (lambda: sqnn.ImageData.from_dataset(Tonic()), "ImageData.from_events reads recordings"),
    ):
        with pytest.raises(DataError, match=expected):
            call()
    with pytest.raises(TypeError, match="unexpected keyword argument 'timestep'; recordings have timesteps"):
        sqnn.ImageData.from_events(Tonic(), timestep=3)


def test_options_of_recordings_are_refused_elsewhere(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((20, 4, 4), 255, np.uint8), labels=np.arange(20) % 2)
    with pytest.raises(DataError, match=r"timesteps: got 4 for .*a\.npz', which holds no event recordings"):
        sqnn.load_data(tmp_path / "a.npz", timesteps=4)
    with pytest.raises(DataError, match="timesteps: got 4 for digits, expected it for a path"):
        sqnn.load_data("digits", timesteps=4)
    mixed = write_set(tmp_path / "mixed", {"0": 3, "1": 3})
    (mixed / "0" / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1\.png: not named as a recording"):
        sqnn.load_data(mixed)
    (mixed / "0" / "1.png").unlink()
    write_set(mixed, {"1": 4}, "aedat")
    with pytest.raises(DataError, match=r"has 128x128 pixels, others 34x34; give a size for all"):
        sqnn.load_data(mixed)


def test_all_frames_of_a_recording_are_shifted_together() -> None:
    frames = torch.rand(3, 4, 2, 20, 20, generator=torch.Generator().manual_seed(0))
    shifted = augment(frames, "shift-flip", torch.Generator().manual_seed(1))
    alone = augment(frames[:, 2], "shift-flip", torch.Generator().manual_seed(1))
    assert torch.equal(shifted[:, 2], alone)
    assert not torch.equal(shifted, frames)


def test_a_picture_of_recordings_has_a_cell_for_each(tmp_path: Path) -> None:
    data = sqnn.load_data(write_set(tmp_path / "set", {"0": 6, "1": 6}), timesteps=2)
    figure = data.plot(2)
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(drawn) == 4
    assert all(picture.shape == (34, 34, 3) and picture.max() == 1 for picture in drawn)
