"""Synthetic recordings: events where log intensity crosses a threshold, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from recordings import write_set

import sqnn
from sqnn.core import ConfigError
from sqnn.data import DataError, Saccades, Split, load_source, simulate_saccades
from sqnn.data.events.saccades import CORNERS, DARK, SACCADE, SAMPLES, view
from sqnn.data.synthetic import synthetic_set

EVEN = Saccades(threshold=0.25, spread=0)
MOVE = SACCADE / SAMPLES


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 2, height: int = 7, width: int = 9) -> torch.Tensor:
    return torch.rand((count, 1, height, width), generator=generator(5), dtype=torch.float64)


def brightness(picture: np.ndarray, time: float) -> np.ndarray:
    """Log intensity at a time in microseconds: linear between views, each of which is taken by hand."""

    def at(number: int) -> np.ndarray:
        saccade, share = divmod(min(number, 3 * SAMPLES - 1e-9) / SAMPLES, 1)
        (x, y), (to_x, to_y) = CORNERS[int(saccade)], CORNERS[int(saccade) + 1]
        column, row = x + share * (to_x - x), y + share * (to_y - y)
        height, width = picture.shape
        seen = np.zeros((height + 2, width + 2))
        for i in range(height + 2):
            for j in range(width + 2):
                # The picture begins a pixel of margin further in; beyond its edge it goes on as it ends there.
                across, down = np.clip(j - 1 + column, 0, width - 1), np.clip(i - 1 + row, 0, height - 1)
                i0, j0 = int(np.floor(down)), int(np.floor(across))
                i1, j1 = min(i0 + 1, height - 1), min(j0 + 1, width - 1)
                part_y, part_x = down - i0, across - j0
                upper = picture[i0, j0] * (1 - part_x) + picture[i0, j1] * part_x
                lower = picture[i1, j0] * (1 - part_x) + picture[i1, j1] * part_x
                seen[i, j] = upper * (1 - part_y) + lower * part_y
        return np.log(seen + DARK)

    number, share = divmod(time / MOVE, 1)
    before = at(int(number))
    return before if not share else before + share * (at(int(number) + 1) - before)


def test_views_are_those_by_hand() -> None:
    picture = pictures(1)[0, 0].numpy()
    for number in (0, 5, SAMPLES, 2 * SAMPLES + 3):
        saccade, share = divmod(number / SAMPLES, 1)
        (x, y), (to_x, to_y) = CORNERS[int(saccade)], CORNERS[int(saccade) + 1]
        seen = view(picture[None], 1, x + share * (to_x - x), y + share * (to_y - y))[0]
        np.testing.assert_allclose(seen, brightness(picture, number * MOVE), atol=1e-9)


def test_each_event_is_a_crossing_of_its_pixel() -> None:
    """At its k-th event, up or down, a pixel is at its first brightness plus the sum of its steps so far."""
    picture = pictures(1)
    events = simulate_saccades(picture, generator(), EVEN)[0].events
    assert len(events) > 300
    start = brightness(picture[0, 0].numpy(), 0)
    for t, x, y, p in events[:: len(events) // 60].tolist():
        own = events[(events["x"] == x) & (events["y"] == y) & (events["t"] <= t)]
        steps = np.where(own["p"] == 1, 1, -1)
        last = [k for k in range(len(own)) if own["t"][k] == t and own["p"][k] == p][-1]
        expected = start[y, x] + EVEN.threshold * steps[: last + 1].sum()
        # A microsecond is the resolution of the time; brightness changes by less than 0.002 in it.
        assert abs(brightness(picture[0, 0].numpy(), t)[y, x] - expected) < 2e-3


def test_no_pixel_ends_a_threshold_away_from_its_last_event() -> None:
    """What the events add up to is the brightness, within a threshold; the path is closed, so that is its beginning."""
    for recording in simulate_saccades(pictures(), generator(), EVEN):
        events = recording.events
        net = np.zeros(recording.sensor)
        np.add.at(net, (events["y"], events["x"]), np.where(events["p"] == 1, 1, -1))
        assert np.abs(net).max() <= 1
        assert (np.diff(events["t"]) >= 0).all()
        assert events["t"].max() <= 3 * SACCADE
        for saccade in range(3):  # each of them moves the picture
            assert (events["t"] // SACCADE == saccade).sum() > 50


def test_a_brighter_light_changes_little_and_a_level_picture_nothing() -> None:
    assert [len(each) for each in simulate_saccades(torch.full((2, 3, 8, 8), 0.4), generator())] == [0, 0]
    left, right = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    left[..., :4], right[..., 4:] = 1, 1
    one, other = (simulate_saccades(each, generator(), EVEN)[0].events for each in (left, right))
    whole = Saccades(threshold=float(np.log((1 + DARK) / DARK)) / 3, spread=0)  # rounding decides whether it is reached
    steps = simulate_saccades(left, generator(), whole)[0].events
    assert (np.bincount(steps["y"].astype(int) * 10 + steps["x"]) % 3 == 0).all()
    # The negative of an edge has the same events, of the other polarity, later or earlier in each view's time.
    assert len(one) == len(other) > 0
    assert (one["p"] == 1).sum() == (other["p"] == 0).sum()


def test_the_thresholds_are_drawn_from_the_generator_alone() -> None:
    torch.manual_seed(1)
    first = simulate_saccades(pictures(260, 3, 3), generator(3))
    torch.manual_seed(2)
    again = simulate_saccades(pictures(260, 3, 3), generator(3))
    other = simulate_saccades(pictures(260, 3, 3), generator(4))
    assert len(first) == 260
    assert all((a.events == b.events).all() for a, b in zip(first, again, strict=True))
    assert any(len(a) != len(b) or (a.events != b.events).any() for a, b in zip(first, other, strict=True))
    alone = simulate_saccades(pictures(260, 3, 3)[256:], generator(3))
    assert (alone[0].events == first[256].events).all()  # a recording does not depend on those beside it


def test_synthetic_sets_say_so_and_are_made_anew(tmp_path) -> None:
    digits = sqnn.load_data("digits").subset(20, 0, 10)
    made = synthetic_set(digits, "saccades", timesteps=3, max_count=2)
    assert (made.name, made.timesteps, made.image_size) == ("digits-synthetic-saccades", 3, (10, 10))
    assert torch.equal(made.train.labels, digits.train.labels)
    assert made.source == {
        "name": "digits", "kind": "arrays", "synthetic": "saccades",
        "timesteps": 3, "frames_by": "time", "max_count": 2,
    }  # fmt: skip
    root = tmp_path / "pets"
    for number in range(12):
        (root / str(number % 2)).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (9, 9), dtype=np.uint8)
        Image.fromarray(pixels).save(root / str(number % 2) / f"{number}.png")
    pets = sqnn.load_data(root, synthetic="saccades", frames_by="count", timesteps=2)
    assert pets.source is not None
    assert pets.source["synthetic"] == "saccades"
    assert load_source(pets.source).fingerprint == pets.fingerprint
    for call, expected in (
        (lambda: sqnn.load_data("digits", synthetic="blinks"), "synthetic: got 'blinks', expected"),
        (lambda: sqnn.load_data("digits", synthetic="saccades", sensor=(9, 9)), r"sensor: got \(9, 9\), expected None"),
        (
            lambda: sqnn.load_data(write_set(tmp_path / "nm", {"0": 4, "1": 4}), synthetic="saccades"),
            "synthetic: got 'saccades' for nm, whose samples are recordings already",
        ),
    ):
        with pytest.raises(ValueError, match=expected):
            call()
    one = Split(torch.zeros(1, 1, 4, 4).byte(), torch.zeros(1).long())
    dark = sqnn.ImageData("dark", one, one, one, ("a", "b"))
    with pytest.raises(DataError, match="dark: train image 0 gives no events, as it is of one level"):
        synthetic_set(dark, "saccades")


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (torch.zeros(2, 8, 8), "images: got"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), "images: got"),
        (torch.full((1, 1, 4, 4), 1.5), "outside"),
        (torch.full((1, 1, 4, 4), torch.nan), "outside"),
    ],
)
def test_other_pictures_are_refused(images: torch.Tensor, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        simulate_saccades(images, generator())
    with pytest.raises(ConfigError, match=r"generator: got 3, expected a torch.Generator"):
        simulate_saccades(torch.zeros(1, 1, 4, 4), 3)
