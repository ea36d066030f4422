"""What a sweep's rows come to: intervals as statistics has them, and a picture that shows the numbers."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread
from scipy import stats

from sqnn.studies import (
    NoiseSweep,
    SweepFrame,
    line_names,
    strength_label,
    summarise_sweep,
    t_interval,
    wilson_interval,
)

FRACTIONS = st.floats(0, 1)


def rows(accuracies: dict[tuple, float], **columns: object) -> SweepFrame:
    """Rows by (fingerprint, noise, strength, engine, draw)."""
    names = ("fingerprint", "noise", "strength", "engine", "draw")
    shared = {"data": "digits", "split": "test", "images": 50, "classes": 10, "loss": 1.0, "train_noise": "none"}
    shared |= {"parameters_total": 100, "parameters_quantum": 20, **columns}
    values = [
        {"model": key[0], **dict(zip(names, key, strict=True)), **shared, "accuracy": accuracy}
        for key, accuracy in accuracies.items()
    ]
    return SweepFrame(NoiseSweep.schema().frame(values))


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
    alike = [rows({("a", *key): 0.5}).frame, rows({("b", *key): 0.7}).frame]
    assert len(summarise_sweep(pd.concat(alike))) == 1
    others = {
        "train_noise": ("paper*0.5", "trained with paper*0.5"),
        "data": ("mnist", "50 test images of mnist"),
        "images": (20, "20 test images of digits"),
        "parameters_quantum": (30, "100 parameters (30 quantum)"),
        "shots": (1024, "1,024 shots"),
    }
    for name, (value, label) in others.items():
        summary = summarise_sweep(pd.concat([*alike, rows({("c", *key): 0.9}, **{name: value}).frame]))
        assert summary.accuracy.tolist() == pytest.approx([0.6, 0.9]), name
        lines = line_names(summary).tolist()
        assert lines[1] == label
        assert lines[0] != lines[1]
    assert line_names(summarise_sweep(pd.concat(alike))).tolist() == ["2 networks"]


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
        by_name = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
        assert list(by_name) == ["lightcone", "aer", "chance level"]
        for name in ("lightcone", "aer"):
            assert by_name[name].get_xdata().tolist() == [0, 0.5, 1]
            assert by_name[name].get_ydata().tolist() == pytest.approx([89.5, 89.5 - slope / 2, 89.5 - slope])
        assert list(by_name["chance level"].get_ydata()) == [10, 10]
        half = 100 * (t_interval([0.9, 0.89])[1] - 0.895)
        for band in axes.collections:
            points = band.get_paths()[0].vertices
            assert points[points[:, 0] == 0][:, 1].max() == pytest.approx(89.5 + half)
            assert points[points[:, 0] == 0][:, 1].min() == pytest.approx(89.5 - half)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["lightcone", "aer", "chance level"]
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


NETWORKS = {
    (network, noise, strength, "lightcone", None): value - strength
    for network, value in (("a", 0.9), ("b", 0.8), ("c", 0.7))
    for noise in ("depolarizing", "ramp")
    for strength in (0.0, 0.25)
}


@pytest.mark.parametrize(
    ("bands", "low", "high"),
    [("std", 0.7, 0.9), ("range", 0.7, 0.9), ("none", 0.8, 0.8), ("t", *t_interval([0.9, 0.8, 0.7]))],
)
def test_bands_are_what_they_are_called(bands: str, low: float, high: float) -> None:
    sweep = rows(NETWORKS)
    first = summarise_sweep(sweep.frame, bands).iloc[0]
    assert (first.accuracy, first.low, first.high) == pytest.approx((0.8, low, high))
    axes = sweep.plot(bands=bands, individual=False).axes[0]
    heights = [100 * edge for edge in (low, high)]
    drawn = [path.vertices for band in axes.collections for path in band.get_paths()]
    assert [points[points[:, 0] == 0][:, 1].min() for points in drawn] == pytest.approx(heights[:1] * (bands != "none"))
    assert [points[points[:, 0] == 0][:, 1].max() for points in drawn] == pytest.approx(heights[1:] * (bands != "none"))


def test_single_networks_are_thin_lines() -> None:
    figure = rows(NETWORKS).plot()
    for axes in figure.axes:
        thin = [line.get_ydata().tolist() for line in axes.lines if line.get_linewidth() < 1]
        assert thin == [pytest.approx([100 * top, 100 * top - 25]) for top in (0.9, 0.8, 0.7)]
    assert [axes.get_xlabel() for axes in figure.axes] == ["depolarizing probability $p$", "strength"]
    alone = rows({key: value for key, value in NETWORKS.items() if key[0] == "a"}).plot()
    assert [len(axes.lines) for axes in alone.axes] == [2, 2], "a mean and the chance level"


def test_axes_titles_and_labels_of_the_callers(tmp_path) -> None:
    own = Figure()
    axes = own.subplots(1, 2)
    words = {"3 networks": "ours", "ramp": "damping and readout", "chance level": "one in ten"}
    assert rows(NETWORKS).plot(tmp_path / "x.pdf", ax=axes, labels=words) is own
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    assert [each.get_title() for each in axes] == ["depolarizing", "damping and readout"]
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == ["ours", "one in ten"]
    one = rows({key: value for key, value in NETWORKS.items() if key[1] == "ramp"})
    assert one.plot(ax=axes[0], title="mine").axes[0].get_title() == "mine"
    with pytest.raises(ValueError, match="ax: got 1 axes, expected 2, one per panel"):
        rows(NETWORKS).plot(ax=axes[0])
    with pytest.raises(ValueError, match="bands: got 'sd', expected one of t, std, range, none; did you mean 'std'"):
        rows(NETWORKS).plot(bands="sd")


def test_several_noises_at_one_strength_are_points_in_one_panel() -> None:
    one = {key: value for key, value in NETWORKS.items() if key[2] == 0.25}
    (axes,) = rows(one).plot(labels={"ramp": "both"}).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["depolarizing", "both"]
    (points, _, (bars,)) = axes.containers[0]
    assert points.get_ydata().tolist() == pytest.approx([55, 55])
    low, high = t_interval([0.65, 0.55, 0.45])
    for segment in bars.get_segments():
        assert segment[:, 1].tolist() == pytest.approx([100 * low, 100 * high])
    assert axes.get_xlabel() == "noise, at strength 0.25"


def test_the_table_of_a_paper() -> None:
    sweep = rows(NETWORKS)
    assert sweep.table().to_dict("index") == {
        0.0: {"depolarizing": "80.0 ± 10.0", "ramp": "80.0 ± 10.0"},
        0.25: {"depolarizing": "55.0 ± 10.0", "ramp": "55.0 ± 10.0"},
    }
    assert sweep.table("range").ramp.tolist() == ["80.0 [70.0, 90.0]", "55.0 [45.0, 65.0]"]
    low, high = t_interval([0.9, 0.8, 0.7])
    assert sweep.table("t").ramp.iloc[0] == f"80.0 ± {50 * (high - low):.1f}"
    assert "0.25 & 55.0 $\\pm$ 10.0 & 55.0 $\\pm$ 10.0 \\\\" in sweep.to_latex()
    mixed = pd.concat([sweep.frame, rows({("d", "ramp", 0.0, "aer", None): 0.5}).frame])
    wide = SweepFrame(mixed).table()
    assert wide["ramp", "aer"].tolist() == ["50.0", "-"]
    assert list(repr(sweep).split())[:3] == ["noise", "strength", "accuracy"]
    assert "<th>noise</th>\n      <th>strength</th>\n      <th>accuracy</th>" in sweep._repr_html_()


def test_the_frame_stays_one_that_draws_itself() -> None:
    frame = rows({("a", "paper", s, "aer", None): 0.5 for s in (0.0, 1.0)})
    assert isinstance(frame[frame.strength > 0], SweepFrame)
    assert len(frame[frame.strength > 0].plot().axes) == 1
    for wrong, came in ((frame[["strength", "accuracy"]], "no column model"), (frame[:0], "no rows")):
        for action in (wrong.plot, wrong.summary):
            with pytest.raises(ValueError, match=f"frame: got {came}, expected rows of a noise sweep"):
                action()
