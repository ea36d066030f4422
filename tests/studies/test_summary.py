"""What a sweep's rows come to: intervals as statistics has them, and a picture that shows the numbers."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from scipy import stats

from sqnn.studies import SweepFrame, line_names, strength_label, summarise_sweep, t_interval, wilson_interval
from sqnn.studies.runner.table import frame_of

FRACTIONS = st.floats(0, 1)


def rows(accuracies: dict[tuple, float], **columns: object) -> SweepFrame:
    """Rows by (fingerprint, noise, strength, engine, draw)."""
    names = ("fingerprint", "noise", "strength", "engine", "draw")
    shared = {"data": "digits", "split": "test", "images": 50, "classes": 10, "loss": 1.0, "train_noise": "none"}
    shared |= {"parameters_total": 100, "parameters_quantum": 20, **columns}
    return SweepFrame(
        frame_of([{**shared, **dict(zip(names, key, strict=True)), "accuracy": a} for key, a in accuracies.items()])
    )


@given(values=st.lists(FRACTIONS, min_size=2, max_size=20))
def test_interval_of_a_mean_is_students(values: list[float]) -> None:
    low, high = t_interval(values)
    series = pd.Series(values)
    if series.std() > 1e-9:
        expected = stats.t.interval(0.95, len(values) - 1, loc=series.mean(), scale=stats.sem(values))
        assert (low, high) == pytest.approx((max(expected[0], 0), min(expected[1], 1)), abs=1e-9)
    assert 0 <= low <= series.mean() + 1e-12
    assert series.mean() - 1e-12 <= high <= 1


@given(n=st.integers(1, 10_000), data=st.data())
def test_interval_of_a_proportion_is_wilsons(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    expected = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_means_by_hand() -> None:
    frame = rows(
        {
            ("a", "paper", 0.5, "aer", 0): 0.5,
            ("a", "paper", 0.5, "aer", 1): 0.7,
            ("b", "paper", 0.5, "aer", 0): 0.8,
            ("c", "paper", 1.0, "aer", 0): 0.3,
            ("c", "paper", 1.0, "aer", 1): 0.5,
            ("d", "torino", 1.0, "aer", 0): 0.9,
        },
        shots=10,
    )
    summary = frame.summary()
    assert summary.accuracy.tolist() == pytest.approx([0.7, 0.4, 0.9]), "a network counts once, however often drawn"
    assert summary.over.tolist() == ["networks", "draws", "images"]
    assert summary.networks.tolist() == [2, 1, 1]
    assert summary.measurements.tolist() == [3, 2, 1]
    bounds = list(zip(summary.low, summary.high, strict=True))
    assert bounds == [t_interval([0.6, 0.8]), t_interval([0.3, 0.5]), wilson_interval(0.9, 50)]


def test_unlike_networks_are_on_lines_of_their_own() -> None:
    key = ("paper", 0.5, "lightcone", None)
    alike = [rows({("a", *key): 0.5}), rows({("b", *key): 0.7})]
    assert len(summarise_sweep(pd.concat(alike))) == 1
    others = {
        "train_noise": ("paper*0.5", "lightcone, trained with paper*0.5"),
        "data": ("mnist", "lightcone, 50 test images of mnist"),
        "images": (20, "lightcone, 20 test images of digits"),
        "parameters_quantum": (30, "lightcone, 100 parameters (30 quantum)"),
        "shots": (1024, "lightcone, 1,024 shots"),
    }
    for name, (value, label) in others.items():
        summary = summarise_sweep(pd.concat([*alike, rows({("c", *key): 0.9}, **{name: value})]))
        assert summary.accuracy.tolist() == pytest.approx([0.6, 0.9]), name
        lines = line_names(summary).tolist()
        assert lines[1] == label
        assert lines[0] != lines[1]
    assert line_names(summarise_sweep(pd.concat(alike))).tolist() == ["lightcone"]


def test_the_picture_shows_the_numbers(tmp_path) -> None:
    values = {
        (network, noise, strength, engine, None): 0.9 - strength * (1 + (noise == "torino")) / 4 - 0.01 * number
        for noise in ("depolarizing", "torino")
        for strength in (1.0, 0.0, 0.5)
        for engine in ("lightcone", "aer")
        for number, network in enumerate("ab")
    }
    figure = rows(values).plot(tmp_path / "x.png")
    assert imread(tmp_path / "x.png").std() > 0.05, "an empty picture"
    panels = figure.axes
    assert [axes.get_title() for axes in panels] == ["depolarizing", "torino"]
    assert [axes.get_xlabel() for axes in panels] == ["depolarizing probability $p$", "factor on rates and times"]
    assert panels[0].get_ylabel() == "accuracy (%)"
    for axes, slope in zip(panels, (25, 50), strict=True):
        by_name = {line.get_label(): line for line in axes.lines}
        assert list(by_name) == ["lightcone", "aer", "guessing"]
        for name in ("lightcone", "aer"):
            assert by_name[name].get_xdata().tolist() == [0, 0.5, 1]
            assert by_name[name].get_ydata().tolist() == pytest.approx([89.5, 89.5 - slope / 2, 89.5 - slope])
        assert list(by_name["guessing"].get_ydata()) == [10, 10]
        half = 100 * (t_interval([0.9, 0.89])[1] - 0.895)
        for band in axes.collections:
            points = band.get_paths()[0].vertices
            assert points[points[:, 0] == 0][:, 1].max() == pytest.approx(89.5 + half)
            assert points[points[:, 0] == 0][:, 1].min() == pytest.approx(89.5 - half)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["lightcone", "aer", "guessing"]
    assert legend.get_title().get_text() == "50 test images of digits; bands: 95 % over networks"
    figure.canvas.draw()
    below = min(axes.get_window_extent().y0 for axes in panels)
    assert legend.get_window_extent().y1 < below, "the legend covers the curves"


@pytest.mark.parametrize(
    ("noise", "label"),
    [
        ("amplitude_damping", "probability of decay $\\gamma$"),
        ("Overrotation:axis=y", "angle (rad)"),
        ("depolarizing:on=id/cz", "depolarizing probability $p$"),
        ("bit-flip+readout", "parameter of every part"),
        ("amplitude-damping+readout:0.02", "probability of decay $\\gamma$"),
        ("depolarizing:0.05", "factor on rates and times"),
        ("depolarizing:p=0.05,on=id", "factor on rates and times"),
        ("depolarizing:0.01+readout:0.02", "factor on rates and times"),
        ("depolarizing*2", "factor on rates and times"),
        ("paper", "factor on rates and times"),
        ("<torino qubits [1]> * 0.5", "factor on rates and times"),
    ],
)
def test_what_a_strength_is(noise: str, label: str) -> None:
    assert strength_label(noise) == label


def test_the_frame_stays_one_that_draws_itself() -> None:
    frame = rows({("a", "paper", s, "aer", None): 0.5 for s in (0.0, 1.0)})
    assert isinstance(frame[frame.strength > 0], SweepFrame)
    assert len(frame[frame.strength > 0].plot().axes) == 1
    for wrong, came in ((frame[["strength", "accuracy"]], "no column model"), (frame[:0], "no rows")):
        for action in (wrong.plot, wrong.summary):
            with pytest.raises(ValueError, match=f"frame: got {came}, expected rows of a noise sweep"):
                action()
