"""What a comparison is read by: paired tests by hand and by scipy, tables, pictures, and runs side by side."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from runs import killed
from scipy import stats
from torch import nn

import sqnn
from sqnn.core import ConfigError
from sqnn.metrics import EffectiveParameters
from sqnn.studies import paired_tests, paper_table, plot_compare, to_latex, to_markdown
from sqnn.studies.compare import runs as of_runs
from sqnn.studies.compare import tables
from sqnn.studies.compare.figure import pareto
from sqnn.studies.compare.labels import name_folder
from sqnn.studies.compare.rivals import parse_models
from sqnn.studies.compare.significance import holm, unpaired
from sqnn.training import RunError


def rows(accuracies: dict[str, list[float]], **columns: object) -> pd.DataFrame:
    """A row per network and seed."""
    lines = [
        {"model": model, "data": "digits", "seed": seed, "test_accuracy": accuracy, **columns}
        for model, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]
    return pd.DataFrame(lines)


FOUR = {"a": [0.90, 0.92, 0.91, 0.95], "b": [0.88, 0.91, 0.87, 0.90], "c": [0.70, 0.71, 0.69, 0.72]}


def test_paired_tests_are_those_of_scipy_and_by_hand() -> None:
    tests = paired_tests(rows(FOUR).sample(frac=1, random_state=1).sort_values("model")).set_index(["first", "second"])
    assert list(tests.index) == [("a", "b"), ("a", "c"), ("b", "c")]
    for (first, second), row in tests.iterrows():
        test = stats.ttest_rel(FOUR[first], FOUR[second])
        assert row.p == pytest.approx(test.pvalue)
        assert (row.low, row.high) == pytest.approx(tuple(test.confidence_interval(0.95)))
        assert row.pairs == 4
    # Differences 2, 1, 4, 5 points: mean 3, standard deviation sqrt(10 / 3).
    assert tests.difference["a", "b"] == pytest.approx(0.03)
    assert tests.effect_size["a", "b"] == pytest.approx(3 / math.sqrt(10 / 3))
    ordered = sorted(tests.p)
    corrected = [min(1, 3 * ordered[0]), max(3 * ordered[0], 2 * ordered[1])]
    corrected.append(max(corrected[1], ordered[2]))
    assert sorted(tests.p_corrected) == pytest.approx(corrected)


def test_holms_own_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    nan = math.nan
    assert holm([0.5, nan, 0.9])[0] == 1.0
    assert math.isnan(holm([0.5, nan, 0.9])[1])
    assert holm([]) == []


def test_p_values_are_corrected_for_the_tests_of_their_own_condition() -> None:
    parts = [rows(FOUR, noise=0.0), rows({**FOUR, "a": [0.8, 0.7, 0.9, 0.6]}, noise=0.2)]
    tests = paired_tests(pd.concat(parts))
    assert list(tests.noise) == [0.0] * 3 + [0.2] * 3
    pd.testing.assert_frame_equal(tests, pd.concat(map(paired_tests, parts), ignore_index=True))
    assert (tests.p_corrected > tests.p).sum() >= 4


def test_planned_contrasts_are_fewer_and_less_corrected() -> None:
    tests, every = paired_tests(rows(FOUR), against="b"), paired_tests(rows(FOUR)).set_index(["first", "second"])
    assert tests[["first", "second"]].to_numpy().tolist() == [["b", "a"], ["b", "c"]]
    assert tests.p.tolist() == pytest.approx([every.p["a", "b"], every.p["b", "c"]])
    assert tests.difference.tolist() == pytest.approx([-every.difference["a", "b"], every.difference["b", "c"]])
    assert tests.low[0] == pytest.approx(-every.high["a", "b"])
    assert tests.p_corrected.tolist() == pytest.approx([max(tests.p), 2 * min(tests.p)])
    with pytest.raises(ConfigError, match=r"^against: got 'd', expected one of a, b, c"):
        paired_tests(rows(FOUR), against="d")


def test_a_missing_training_takes_its_own_pairs_alone() -> None:
    parts = [rows(FOUR, train_images=100), rows(FOUR, train_images=200)]
    frame = pd.concat(parts)
    whole = paired_tests(frame)
    left = frame[(frame.model != "b") | (frame.train_images != 200) | (frame.seed != 2)]
    tests = paired_tests(left)
    kept = (tests.train_images == 100) | ((tests["first"] == "a") & (tests.second == "c"))
    pd.testing.assert_frame_equal(tests[kept].drop(columns="p_corrected"), whole[kept].drop(columns="p_corrected"))
    assert tests.p_corrected[:3].tolist() == whole.p_corrected[:3].tolist()
    assert tests.pairs.tolist() == [4, 4, 4, 3, 4, 3]
    three = [0, 1, 3]
    expected = stats.ttest_rel(*([FOUR[model][seed] for seed in three] for model in ("a", "b")))
    assert tests.p[3] == pytest.approx(expected.pvalue)
    assert list(unpaired(frame)) == []
    assert list(unpaired(left)) == [
        "not paired: b has no seed 2 (data digits, train_images 200), which another network has"
    ]


def test_what_does_not_vary_has_no_test_and_a_failed_training_no_pair() -> None:
    same = paired_tests(rows({"a": [0.9, 0.8, 0.7], "b": [0.8, 0.7, 0.6], "c": [0.5, math.nan, 0.7]}))
    first, second = same.iloc[0], same.iloc[1]
    assert first.difference == pytest.approx(0.1)
    assert all(math.isnan(first[name]) for name in ("p", "p_corrected", "low", "high", "effect_size"))
    assert second.pairs == 2
    assert second.p == pytest.approx(stats.ttest_rel([0.9, 0.7], [0.5, 0.7]).pvalue)
    assert paired_tests(rows({"a": [0.5, 0.6]})).empty


def test_pairs_without_a_test_are_dashes_in_words() -> None:
    nan = math.nan
    none, one, two = tables.tests_table(
        paired_tests(rows({"a": [0.9, nan, nan], "b": [nan, 0.8, 0.6], "c": [0.5, 0.7, 0.3]}))
    ).to_dict("records")
    columns = ("difference (points)", "95 % interval", "p", "p (Holm)", "d_z", "pairs")
    assert [none[name] for name in columns] == ["–", "–", "–", "–", "–", "0"]
    assert [one[name] for name in columns] == ["+40.00", "–", "–", "–", "–", "1"]
    test = stats.ttest_rel([0.8, 0.6], [0.7, 0.3])
    low, high = test.confidence_interval(0.95)
    assert two["95 % interval"] == f"{100 * low:+.2f} to {100 * high:+.2f}".replace("-", "\N{MINUS SIGN}")
    assert (two["p"], two["pairs"]) == (f"{test.pvalue:.2g}", "2")


def test_rows_that_do_not_pair_are_refused() -> None:
    frame = rows(FOUR)
    with pytest.raises(ConfigError, match=r"^seeds: got networks without a seed in common, expected pairs; train all"):
        paired_tests(frame[(frame.model == "a") & (frame.seed < 2) | (frame.model == "b") & (frame.seed > 1)])
    with pytest.raises(ConfigError, match=r"^seeds: got a with seed 0 twice \(data digits\), expected one"):
        paired_tests(pd.concat([frame, frame[:1]]))
    with pytest.raises(ConfigError, match="frame: got 'no column loss', expected columns model, seed and the value"):
        paired_tests(frame, "loss")


def priced(noise: float = 0.0) -> pd.DataFrame:
    frame = rows({"a_1": [0.9, 0.94], "b&c": [0.8, math.nan]}, noise=noise, quantum=9, spiking=2, classical=1)
    cost = {"a_1": (1803, 1500.0, 20.0), "b&c": (12, math.nan, 1.0)}
    for number, name in enumerate(("parameters", "energy", "seconds")):
        frame[name] = [cost[model][number] for model in frame.model]
    frame["effective"] = [1790, 1792, None, None]
    return frame


def test_tables_say_means_spreads_and_costs() -> None:
    table = paper_table(priced())
    assert list(table)[:3] == ["network", "parameters", "effective"]
    first, second = table.to_dict("records")
    deviation = 100 * np.std([0.9, 0.94], ddof=1)
    assert first[tables.PERCENT] == f"92.00 ± {deviation:.2f}"
    assert (first["range"], first["n"], first["parameters"]) == ("90.00 to 94.00", "2", "1,803")
    assert (first["effective"], first["energy without circuits (nJ)"], first["time (s)"]) == ("1,791", "1.5", "20.0")
    assert (second[tables.PERCENT], second["n"], second["energy without circuits (nJ)"]) == ("80.00", "1", "–")
    assert list(paper_table(pd.concat([priced(), priced(0.1)])))[:2] == ["noise", "network"]
    with pytest.raises(ConfigError, match="frame: got 'no rows', expected one row per training"):
        paper_table(priced()[:0])


def test_tables_are_latex_and_markdown() -> None:
    table = pd.DataFrame({"network": ["a_1 & b|c\\", "x"], "accuracy (%)": ["9.5 ± 0.1", "–"], "n": [1000, 2]})
    assert to_latex(table) == (
        "\\begin{tabular}{lrr}\n\\toprule\nnetwork & accuracy (\\%) & n \\\\\n\\midrule\n"
        "a\\_1 \\& b|c\\textbackslash{} & 9.5 $\\pm$ 0.1 & 1,000 \\\\\nx & -- & 2 \\\\\n\\bottomrule\n\\end{tabular}\n"
    )
    assert to_markdown(table).splitlines() == [
        "| network      | accuracy (%) |     n |",
        "| ------------ | -----------: | ----: |",
        "| a_1 & b\\|c\\\\ |    9.5 ± 0.1 | 1,000 |",
        "| x            |            – |     2 |",
    ]
    floating = to_latex(table, "Costs, $n$ runs", "tab:my_costs").splitlines()
    assert floating[:4] == ["\\begin{table}", "\\centering", "\\caption{Costs, $n$ runs}", "\\label{tab:my_costs}"]
    assert floating[-1] == "\\end{table}"


@pytest.mark.parametrize(
    ("caption", "latex"),
    [
        ("sqdr_cnn & rivals at 95 %", r"sqdr\_cnn \& rivals at 95 \%"),
        (r"$p_{i} < 0.05$ of a_b", r"$p_{i} < 0.05$ of a\_b"),
        (
            r"as \emph{a_b} in \cref[see]{tab:my_table}, 5\,\% of a_b",
            r"as \emph{a_b} in \cref[see]{tab:my_table}, 5\,\% of a\_b",
        ),
        ("from $5 to $6, #1", r"from \$5 to \$6, \#1"),
        ("x^2 ± ~1 in {0, 1}", r"x\textasciicircum{}2 $\pm$ \textasciitilde{}1 in \{0, 1\}"),
    ],
)
def test_captions_are_escaped_and_their_latex_is_not(caption: str, latex: str) -> None:
    assert to_latex(pd.DataFrame({"n": [1]}), caption).splitlines()[2] == f"\\caption{{{latex}}}"


def test_a_front_is_what_nothing_beats() -> None:
    assert pareto([3, 1, 2, 2, 5], [0.9, 0.5, 0.5, 0.7, 0.9]) == [1, 3, 0]
    assert pareto([1, 1], [0.2, 0.3]) == [1]


def test_the_picture_has_a_panel_for_each_cost_and_each_thing_that_varies() -> None:
    figure = plot_compare(priced())
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "trainable parameters",
        "energy per image (nJ), without the circuit",
        "time of training (s)",
    ]
    assert {axes.get_xscale() for axes in figure.axes} == {"log"}
    parameters = figure.axes[0]
    points = {line.get_label(): line.get_xydata().tolist() for line in parameters.lines}
    assert points["a_1"] == [[1803, pytest.approx(92)]]
    assert points["b&c"] == [[12, pytest.approx(80)]]
    assert points["Pareto front"][:2] == [[12, pytest.approx(80)], [1803, pytest.approx(92)]]
    bars = [line.get_xydata().tolist() for line in parameters.lines if line.get_label().startswith("_")]
    assert bars[0] == [[1803, pytest.approx(90)], [1803, pytest.approx(94)]]
    noisy = pd.concat([priced(), priced(0.2), priced().assign(data="other")])
    both = plot_compare(noisy)
    assert len(both.axes) == 2 * 4
    assert len(both.axes[3].lines[0].get_xdata()) == 2
    mine = Figure().subplots(1, 3)
    assert plot_compare(priced(), ax=list(mine), labels={"a_1": "A"}) is mine[0].get_figure()
    assert "A" in [text.get_text() for text in mine[-1].get_legend().get_texts()]
    with pytest.raises(ConfigError, match="frame: got 'no rows with an accuracy', expected some"):
        plot_compare(priced()[3:])


@pytest.fixture(scope="module")
def data() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(train=150, validation=20, test=20)


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory) -> Path:
    """Two spiking perceptrons of two seeds each, one of them at another rate."""
    place = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        for rate, width in ((0.002, 1), (0.01, 2)):
            train(data, place / f"{width}-{seed}", seed, width, learning_rate=rate)
    return place


def train(data: sqnn.ImageData, out: Path, seed: int, width: int, **options: object) -> sqnn.Run:
    """A run of an epoch, without its picture."""
    model = sqnn.create_model("snn-mlp", data, hidden=(width,), timesteps=2, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqnn.Run, "plot", lambda *_: None)
        return sqnn.fit(model, data, epochs=1, seed=seed, out=out, progress=False, **options)


def test_runs_are_compared_from_their_folders(runs: Path, data) -> None:
    comparison = sqnn.compare(runs)
    frame = comparison.frame
    labels = ["snn-mlp:hidden=1:learning_rate=0.002", "snn-mlp:hidden=2:learning_rate=0.01"]
    assert [rival.label for rival in parse_models(labels)] == labels, "as `sqnn compare --models` takes them"
    assert list(dict.fromkeys(frame.model)) == labels
    assert frame.seed.tolist() == [0, 1, 0, 1]
    assert frame.parameters.tolist() == [64 + 1 + 20] * 2 + [128 + 2 + 30] * 2
    one = sqnn.Run.load(runs / "2-1")
    assert frame.test_accuracy.iloc[3] == one.test_accuracy
    assert comparison.notes == (f"learning_rate differs: 0.002 ({labels[0]}), 0.01 ({labels[1]})",)
    assert comparison.settings.learning_rate.tolist() == [0.002, 0.01]
    assert comparison.tests.pairs.tolist() == [2]
    assert labels[1] in comparison.to_markdown()
    assert comparison.to_latex("c").startswith("\\begin{table}")
    assert "learning_rate differs" in comparison._repr_html_()
    assert "snn-mlp" in repr(comparison)
    assert len(comparison.plot().axes) == 2
    small = sqnn.Run.load(runs / "1-1")
    measured = sqnn.compare(runs / "1-1", data=data).frame
    assert measured.effective.iloc[0] == sqnn.metrics.effective_parameters(small, data.train).rank
    assert sqnn.compare(runs / "1-1", data=data).notes == ()
    assert measured.energy.iloc[0] == sqnn.metrics.operations(small, data).energy() > 0


def test_tables_print_whole(runs: Path) -> None:
    comparison = sqnn.compare(runs)
    with pd.option_context("display.width", 40, "display.max_columns", 2, "display.max_rows", 1):
        for table in (comparison.table(), comparison.tests):
            printed = str(table)
            assert "..." not in printed
            heading, *lines = printed.splitlines()
            assert [name for name in table if name not in heading] == []
            assert len(lines) == len(table)
            assert all(model in printed for model in table.iloc[:, 0])
            html = table._repr_html_()
            assert [name for name in table if f">{name}</th>" not in html] == []
        assert "..." in str(comparison.table()[["network", "parameters", "range"]]), "pandas' own way"


def test_runs_of_a_comparison_keep_their_labels(runs: Path, tmp_path: Path) -> None:
    for width, label in (("1", "narrow, mine"), ("2", "wide=snn-mlp")):
        for seed in "01":
            shutil.copytree(runs / f"{width}-{seed}", tmp_path / width / seed)
        name_folder(tmp_path / width, label)
        name_folder(tmp_path / width, "a later one")
    frame = sqnn.compare(tmp_path, runs / "1-0").frame
    assert frame.model.tolist()[:4] == ["narrow, mine"] * 2 + ["wide=snn-mlp"] * 2
    assert frame.model.tolist()[4] == "snn-mlp"
    for width in "12":
        shutil.copytree(tmp_path / width, tmp_path / "alike" / width)
        (tmp_path / "alike" / width / "label.txt").write_text("ours\n")
    apart = sqnn.compare(tmp_path / "alike").frame.model.tolist()
    assert apart == ["ours:hidden=1:learning_rate=0.002"] * 2 + ["ours:hidden=2:learning_rate=0.01"] * 2


def test_why_there_are_no_effective_parameters_and_where_they_are_a_bound_is_said(
    runs: Path, data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqnn.metrics.effective.MOST_PARAMETERS", 100)
    comparison = sqnn.compare(runs, data=data)
    _, large = dict.fromkeys(comparison.frame.model)
    assert comparison.notes[1:] == (
        f"effective parameters of {large}: model: got 160 trainable parameters, expected at most 100",
    )
    assert comparison.frame.effective.notna().tolist() == [True, False, False, False]
    bound = EffectiveParameters(40, 85, 90, 1e-12, settled=False, singular_values=torch.ones(85))
    monkeypatch.setattr(of_runs, "effective_parameters", lambda *arguments: bound)
    assert sqnn.compare(runs / "1-1", data=data).notes == (
        "effective parameters of snn-mlp: at least 40 effective of 85 parameters (rank over 90 outputs, "
        "singular values above 1e-12 of the largest)",
    )


def test_an_unfinished_run_in_a_folder_is_named(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "1-0", tmp_path / "done")
    killed(sqnn.Run.load(runs / "1-1"), tmp_path / "stopped")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "settings.yaml").write_text("study: compare\n")
    comparison = sqnn.compare(tmp_path)
    assert comparison.frame.seed.tolist() == [0]
    place = str(tmp_path / "stopped")
    assert comparison.notes == (f"left out: {place} is not finished; go on with sqnn.resume({place!r})",)


def test_what_is_not_the_same_is_said(runs: Path, data, tmp_path: Path) -> None:
    other = sqnn.load_data("digits").subset(train=140, validation=20, test=20)
    lone = train(other, tmp_path / "lone", 2, 1)
    comparison = sqnn.compare(runs / "2-0", runs / "2-1", runs / "1-0")
    assert comparison.notes[0].startswith("seeds differ: snn-mlp:hidden=2:learning_rate=0.01 on digits 0, 1; snn-mlp")
    assert comparison.tests.pairs.tolist() == [1]
    apart = sqnn.compare(runs / "2-0", runs / "1-1")
    assert "no paired tests: seeds: got networks without a seed in common" in apart._repr_html_()
    second = "snn-mlp:hidden=2:learning_rate=0.01"
    assert sqnn.compare(runs, against=second).tests["first"].tolist() == [second]
    with pytest.raises(ConfigError, match=r"^against: got 'snn', expected one of snn-mlp:hidden=1"):
        sqnn.compare(runs, against="snn")
    of_names = [f"digits ({each.fingerprint[:8]})" for each in (data, other)]
    comparison = sqnn.compare(runs / "1-0", runs / "1-1", lone)
    assert comparison.frame.data.tolist() == [of_names[0], of_names[0], of_names[1]]
    assert comparison.table()[["data", "n"]].to_numpy().tolist() == [[of_names[0], "2"], [of_names[1], "1"]]
    assert comparison.notes[0] == (
        f"images differ: {', '.join(sorted(of_names))}; networks are compared on each by itself"
    )
    with pytest.raises(RunError, match=r"data: got .* of other content"):
        sqnn.compare(lone, data=data)
    with pytest.raises(ConfigError, match=r"runs: got .*2-0 twice, expected each run once"):
        sqnn.compare(runs, runs / "2-0")
    with pytest.raises(ConfigError, match=r"^runs: got none, expected finished runs"):
        sqnn.compare()
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RunError, match=r"run: .*empty holds no run"):
        sqnn.compare(empty)


def test_one_training_counts_once_and_labels_keep_networks_of_one_shape_apart(data, tmp_path: Path) -> None:
    found = {}
    for name, activation in (("relu", nn.ReLU()), ("tanh", nn.Tanh())):
        torch.manual_seed(0)
        own = nn.Sequential(nn.Flatten(), nn.Linear(64, 2), activation, nn.Linear(2, 10))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqnn.Run, "plot", lambda *_: None)
            found[name] = sqnn.fit(own, data, epochs=1, seed=0, out=tmp_path / name, progress=False)
    with pytest.raises(
        ConfigError, match=r"runs: got .*relu and .*tanh, both of .*Sequential from seed 0 .*compare\(\{"
    ):
        sqnn.compare(tmp_path)
    comparison = sqnn.compare(found)
    assert comparison.frame.model.tolist() == ["relu", "tanh"]
    assert comparison.frame.test_accuracy.tolist() == [run.test_accuracy for run in found.values()]
    with pytest.raises(ConfigError, match=r"^runs: got ' ' as a label"):
        sqnn.compare({" ": found["relu"]})


def test_runs_by_other_kernels_are_named(data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (0, 1):
        train(data, tmp_path / str(seed), seed, 1)
    assert not any("kernels" in note for note in sqnn.compare(tmp_path).notes)
    monkeypatch.setattr("sqnn.training.arithmetic.kernels_for", lambda *_: "none")
    train(data, tmp_path / "2", 2, 1)
    assert any(note.startswith("compiled kernels differ") for note in sqnn.compare(tmp_path).notes)
