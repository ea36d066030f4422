"""The study of faithfulness: rows of every image, resumed where it stopped, badges of every network, and failures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import sqnn
from sqnn.conversion import convert, save_spiking
from sqnn.core import ConfigError
from sqnn.data import ImageData, planted_set
from sqnn.explain.attribution import Saliency
from sqnn.explain.quality import BADGES, MEASURES, compare_methods, summarise_methods
from sqnn.studies import FaithfulnessStudy, StudyError, StudyFrame, plot_faithfulness
from sqnn.studies.faithfulness.study import FaithfulnessCell

SMALL: dict[str, Any] = {"images": 60, "repeated": 3, "stages": 2, "steps": 4, "noises": 1, "squares": 4}
METHODS = "gradient-input,saliency"


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return sqnn.load_data("digits")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, digits: ImageData) -> list[Path]:
    """A spiking-quantum network, an ordinary one, and one that was converted and has no gradient."""
    folder = tmp_path_factory.mktemp("networks")
    sqdr = sqnn.create_model("sqdr-cnn", digits, channels=(2, 2), n_qubits=2)
    with torch.no_grad():
        for block in sqdr.frontend.blocks:
            block.norm.bias.fill_(1.0)  # its neurons fire without training
    ann = sqnn.create_model("tiny-cnn", digits)
    source = sqnn.create_model("resnet20", digits, width_multiplier=0.125, activation="qcfs", timesteps=2).eval()
    sqnn.save_model(sqdr, folder / "sqdr.safetensors")
    sqnn.save_model(ann, folder / "ann.safetensors")
    save_spiking(convert(source), folder / "converted.safetensors")
    return [folder / f"{name}.safetensors" for name in ("sqdr", "ann", "converted")]


def run(networks: object, data: ImageData | None, **options: Any) -> StudyFrame:
    return sqnn.study("faithfulness", networks, data, progress=False, **{**SMALL, "methods": METHODS, **options})


@pytest.fixture(scope="module")
def rows(files: list[Path], digits: ImageData) -> StudyFrame:
    return run(files[:2], digits)


def test_rows_of_every_image_and_of_every_stage(rows: StudyFrame) -> None:
    frame = rows.frame
    assert not frame.duplicated(["fingerprint", "method", "image", "randomised"]).any()
    for _, part in frame.groupby(["network", "method"]):
        trained, shuffled = part[part.randomised == ""], part[part.randomised != ""]
        assert trained.image.tolist() == list(range(60))
        assert trained.part.tolist() == [0] * 50 + [50] * 10
        assert shuffled.groupby("randomised").image.apply(list).tolist() == [[0, 1, 2]] * 3
        assert shuffled.deletion.isna().all()
        assert trained.sensitivity.notna().sum() <= 3
    assert set(frame.method) == {"intensity", "random-ink", "random", "gradient-input", "saliency"}


def test_its_numbers_are_those_of_the_comparison(files: list[Path], digits: ImageData, rows: StudyFrame) -> None:
    found = compare_methods(sqnn.load_model(files[1]), digits, METHODS, **SMALL).rows
    frame = rows.frame[rows.frame.network == str(files[1])]
    names = ["image", "target", *(name for name in MEASURES if name != "seconds")]
    for method in ("saliency", "random"):
        tables = (table[table.method == method][names].reset_index(drop=True) for table in (frame, found))
        one, two = (table.astype(float) for table in tables)
        pd.testing.assert_frame_equal(one, two, atol=1e-6)
    labels = frame[(frame.method == "random") & (frame.randomised == "")].label
    assert labels.tolist() == digits.test.labels[:60].tolist()


def test_badges_are_per_network(files: list[Path], rows: StudyFrame) -> None:
    summary = rows.summary()
    assert summary.network.unique().tolist() == [str(file) for file in files[:2]]
    assert summary.equals(summarise_methods(rows.frame))
    intensity = summary[summary.method == "intensity"]
    assert intensity.reads_weights.tolist() == [False, False]
    assert intensity.sees_class.tolist() == [False, False]


def test_a_method_that_refuses_a_network_is_listed_with_its_reason(files: list[Path], digits: ImageData) -> None:
    found = run(files[2], digits, methods="saliency,occlusion", images=4, repeated=0)
    lines = found.summary().set_index("method")
    assert lines.loc["occlusion", "problem"] == ""
    assert "gradient" in lines.loc["saliency", "problem"]
    assert [lines.loc["saliency", name] for name in BADGES] == [None] * len(BADGES)
    printed = list(FaithfulnessStudy.report(found.frame))
    assert any(isinstance(part, str) and "saliency" in part and "gradient" in part for part in printed)


def test_it_goes_on_where_it_stopped(
    files: list[Path], digits: ImageData, rows: StudyFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "study"
    measured: list[FaithfulnessCell] = []
    plain = FaithfulnessStudy.measure

    def counted(study: FaithfulnessStudy, cell: FaithfulnessCell, subject: Any) -> Any:
        measured.append(cell)
        return plain(study, cell, subject)

    monkeypatch.setattr(FaithfulnessStudy, "measure", counted)
    whole = run(files[1], digits, out=out, methods="saliency")
    assert len(measured) == 4 * 2
    table = out / "faithfulness.csv"
    lines = table.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not (",saliency," in line and line.split(",")[4] == "50")]
    assert len(kept) == len(lines) - 10
    table.write_text("".join(kept) + kept[3][:30])
    measured.clear()
    again = run(files[1], digits, out=out, methods="saliency")
    assert [(cell.method, cell.part) for cell in measured] == [("saliency", 50)]
    names = [name for name in whole.frame.columns if name != "seconds"]
    pd.testing.assert_frame_equal(again.frame[names], whole.frame[names])
    measured.clear()
    # More methods and more networks go into the same folder.
    run(files[:2], digits, out=out, methods=METHODS)
    assert {(cell.method, cell.part) for cell in measured} > {("gradient-input", 0), ("gradient-input", 50)}
    assert len(measured) == 2 + 5 * 2


def test_a_method_that_breaks_off_is_named_at_the_end_and_tried_again(
    files: list[Path], digits: ImageData, tmp_path: Path
) -> None:
    few: dict[str, Any] = {"images": 60, "repeated": 0, "methods": METHODS, "out": tmp_path / "study"}

    def breaks(method: Saliency, probe: object) -> None:
        raise RuntimeError("it broke")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Saliency, "explain", breaks)
        with pytest.raises(StudyError) as caught:
            run(files[1], digits, **few)
    reason = r"\(saliency broke off on .*ann.safetensors: RuntimeError: it broke \(.*, line \d+\)\), and so did 1 other"
    assert re.search(reason, str(caught.value))
    assert caught.value.finished is not None
    counts = caught.value.finished.frame.method.value_counts().to_dict()
    assert counts == dict.fromkeys(("intensity", "random-ink", "random", "gradient-input"), 60)
    lines = run(files[1], digits, **few).summary().set_index("method")
    assert lines.loc["saliency", ["images", "problem"]].tolist() == [60, ""]


def test_planted_images_tell_where_the_truth_is(digits: ImageData) -> None:
    data = planted_set(digits)
    model = sqnn.create_model("tiny-cnn", data)
    lines = run(model, data, images=10, repeated=0).summary().set_index("method")
    assert 0.3 < lines.loc["random", "inside"] < 0.7
    assert lines.loc["random", "finds_planted"] is False


def test_the_picture_shows_every_network(rows: StudyFrame) -> None:
    axes = plot_faithfulness(rows.frame).axes
    assert [each.get_title() for each in axes[::2]] == ["sqdr.safetensors", "ann.safetensors"]
    summary = rows.summary()
    for number, network in enumerate(summary.network.unique()):
        lines = summary[summary.network == network].sort_values("deletion", kind="stable")
        assert [text.get_text() for text in axes[2 * number].get_yticklabels()] == lines.method.tolist()


@pytest.mark.parametrize(
    ("networks", "options", "message"),
    [
        ([], {}, "models: got none, expected a run's folder"),
        ([3], {}, "models: got int, expected a run's folder"),
        ("own", {"methods": "no-such"}, "methods: got 'no-such', expected one of .*saliency"),
        *(
            ("own", {"methods": methods}, "methods: got .*len.*, expected a name, .*'mine': function}.* of your own")
            for methods in (len, [len], {"mine": len})
        ),
        ("own", {"images": 400}, "images: got 400, expected at most 359"),
        ("twice", {}, "are the same network; give it once"),
        ("no data", {}, "data: got None for tiny-cnn, expected images"),
    ],
)
def test_a_mistake_is_one_line(digits: ImageData, networks: Any, options: dict[str, Any], message: str) -> None:
    own = sqnn.create_model("tiny-cnn", digits)
    named: dict[str, Any] = {"own": own, "twice": [own, own], "no data": own}
    given = named[networks] if isinstance(networks, str) else networks
    with pytest.raises(ValueError, match=message) as caught:
        run(given, None if networks == "no data" else digits, **options)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ConfigError)


def test_random_numbers_of_others_stay(files: list[Path], digits: ImageData) -> None:
    before = torch.get_rng_state()
    run(files[0], digits, images=4, repeated=2)
    assert torch.equal(torch.get_rng_state(), before)
