"""The conversion study: rows are the scores of the conversions, and a killed study ends as if undisturbed."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import pandas as pd
import pytest
from classical_networks import build, settled
from torch import nn

import sqnn
from sqnn.cli import main
from sqnn.conversion import ConversionError, convert, convert_rate
from sqnn.core import ConfigError
from sqnn.metrics import score
from sqnn.studies import ConversionFolder, ConversionStudy, conversion_study, plot_conversion
from sqnn.training import RunError

SIZES = {"in_channels": 1, "num_classes": 10}
SMALL = ConversionStudy(images=20, rate_steps=(2, 5), calibration=30)
ALL = "plane_weights+bias_shift+postponed"


@pytest.fixture(scope="module")
def data() -> sqnn.ImageData:
    return sqnn.load_data("digits")


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return settled(build("resnet20", activation="qcfs", timesteps=3, initial_threshold=2.0, **SIZES)).float()


@pytest.fixture(scope="module")
def folder(model: nn.Module, data: sqnn.ImageData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that nothing disturbed."""
    out = tmp_path_factory.mktemp("conversion") / "study"
    conversion_study(SMALL, model, data, out)
    return out


@pytest.fixture
def rows(folder: Path, model: nn.Module, data: sqnn.ImageData) -> pd.DataFrame:
    return conversion_study(SMALL, model, data, folder)


def counted(monkeypatch: pytest.MonkeyPatch, stop: int | None = None) -> list[str]:
    """Classes of the networks that are measured from now on; Ctrl-C behind so many."""
    module = importlib.import_module(conversion_study.__module__)  # the function hides its module's name
    real, names = module.score, []

    def measured(network: nn.Module, split: sqnn.data.Split) -> object:
        if len(names) == stop:
            raise KeyboardInterrupt
        names.append(type(network).__name__)
        return real(network, split)

    monkeypatch.setattr(module, "score", measured)
    return names


def test_the_tables_of_the_paper() -> None:
    cells = ConversionStudy().conversions(4)
    assert len(cells) == len(set(cells)) == 1 + 4 + 3 * 5 + 3 + 5
    assert [cell.timesteps for cell in cells if cell.method == "exact"] == [1, 2, 3, 4]
    for method in ("qcfs-rate", "max", "percentile"):
        assert [cell.timesteps for cell in cells if cell.method == method] == [2, 4, 8, 16, 32]
    left = {cell.parts for cell in cells if cell.method == "ablation" and cell.timesteps == 4}
    assert left == {
        "plane_weights+bias_shift",
        "plane_weights+postponed",
        "plane_weights",
        "bias_shift+postponed",
        "bias_shift",
    }
    few = {cell.parts for cell in cells if cell.method == "ablation" and cell.timesteps == 2}
    assert few == {parts for parts in left if parts.startswith("plane_weights")}
    assert {cell.timesteps for cell in ConversionStudy().conversions(1) if cell.method == "ablation"} == {1}


def test_rows_are_the_scores_of_conversions(rows: pd.DataFrame, model: nn.Module, data: sqnn.ImageData) -> None:
    part, some = data.test.take(slice(20)), data.train.floats(slice(30))
    networks = {
        ("source", 1, ""): model,
        ("exact", 3, ALL): convert(model),
        ("exact", 1, ALL): convert(model, planes=1),
        ("qcfs-rate", 5, ""): convert_rate(model, 5),
        ("percentile", 2, ""): convert_rate(model, 2, thresholds="percentile", images=some),
        ("max", 5, ""): convert_rate(model, 5, thresholds="max", images=some),
        ("ablation", 2, "plane_weights"): convert(model, planes=2, bias_shift=False, postponed=False),
        ("ablation", 3, "bias_shift+postponed"): convert(model, plane_weights=False),
    }
    assert [tuple(row) for row in rows[["method", "timesteps", "parts"]].itertuples(index=False)] == SMALL.conversions(
        3
    )
    for key, network in networks.items():
        (row,) = rows[(rows[["method", "timesteps", "parts"]] == list(key)).all(axis=1)].itertuples()
        expected = score(network, part)
        assert (row.accuracy, row.images, row.bits) == (expected.accuracy, 20, 3), key
        assert row.spikes == expected.spikes or (math.isnan(row.spikes) and key[0] == "source"), key
    exact = rows[(rows.method == "exact") & (rows.timesteps == 3)].accuracy.item()
    assert exact == rows[rows.method == "source"].accuracy.item()


def test_a_killed_study_goes_on_where_it_stopped(
    rows: pd.DataFrame, model: nn.Module, data: sqnn.ImageData, tmp_path: Path, monkeypatch
) -> None:
    with monkeypatch.context() as patched:
        counted(patched, stop=7)
        with pytest.raises(KeyboardInterrupt):
            conversion_study(SMALL, model, data, tmp_path)
    assert len(ConversionFolder(tmp_path).rows()) == 7
    with (tmp_path / "conversion.csv").open("a") as file:
        file.write("resnet20,da")
    measured = counted(monkeypatch)
    again = conversion_study(SMALL, model, data, tmp_path)
    pd.testing.assert_frame_equal(again, rows, check_exact=True)
    assert len(measured) == len(rows) - 7
    further = conversion_study(ConversionStudy(images=20, rate_steps=(2, 7), calibration=30), model, data, tmp_path)
    assert len(measured) == len(rows) - 7 + 3, "one more row for each of the rates"
    assert len(further) == len(rows)


def test_other_folders_and_damaged_rows_are_refused(
    folder: Path, model: nn.Module, data: sqnn.ImageData, tmp_path: Path
) -> None:
    other = settled(build("resnet20", activation="qcfs", timesteps=3, **SIZES)).float()
    for study, network in ((ConversionStudy(images=21, calibration=30), model), (SMALL, other)):
        with pytest.raises(RunError, match=r"out: .* holds something else than this study"):
            conversion_study(study, network, data, folder)
    table = (folder / "conversion.csv").read_text()
    short = "".join([*(lines := table.splitlines(keepends=True))[:3], lines[3].rstrip().rsplit(",", 1)[0] + "\n"])
    for damaged in (table.replace("accuracy", "bogus"), short, table[:-8] + "x\n"):
        (tmp_path / "conversion.csv").write_text(damaged)
        (tmp_path / "settings.yaml").write_text((folder / "settings.yaml").read_text())
        with pytest.raises(RunError, match=r"conversion.csv is damaged .* the same command measures it again"):
            conversion_study(SMALL, model, data, tmp_path)


def test_mistakes_leave_nothing(model: nn.Module, data: sqnn.ImageData, tmp_path: Path) -> None:
    out = tmp_path / "new"
    with pytest.raises(ConfigError, match=r"calibration: got 10000, expected at most the [\d,]+ of digits, train"):
        conversion_study(ConversionStudy(images=20, calibration=10_000), model, data, out)
    with pytest.raises(ConfigError, match="images: got 360, expected at most the 359 of digits, test"):
        conversion_study(ConversionStudy(images=360), model, data, out)
    with pytest.raises(ConversionError, match="ReLU"):
        conversion_study(SMALL, build("resnet20", **SIZES), data, out)
    with pytest.raises(ConversionError, match=r'MaxPool2d .*pools="average"'):
        conversion_study(SMALL, build("vgg11", activation="qcfs", pooling="max", **SIZES), data, out)
    with pytest.raises(ValueError, match="data: digits has num_classes 10"):
        conversion_study(SMALL, build("resnet20", activation="qcfs", in_channels=1), data, out)
    for wrong, name in (({"rate_steps": (0,)}, "rate_steps"), ({"images": 0}, "images"), ({"calibration": 0}, "calib")):
        with pytest.raises(ConfigError, match=f"{name}.*: got"):
            ConversionStudy(**wrong)
    assert not out.exists()


def test_the_picture_shows_every_row_but_the_ablation(rows: pd.DataFrame) -> None:
    (axes,) = plot_conversion(rows).axes
    shown = {line.get_label(): sorted(zip(*map(list, line.get_data()), strict=True)) for line in axes.get_lines()}
    source = 100 * rows[rows.method == "source"].accuracy.item()
    assert [height for _, height in shown.pop("source network")] == [source, source]
    drawn = sorted(point for points in shown.values() for point in points)
    kept = rows[~rows.method.isin(["source", "ablation"])]
    assert drawn == sorted(zip(kept.timesteps, 100 * kept.accuracy, strict=True))
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "3", "5"]


def test_the_command_goes_on_in_the_same_folder(
    model: nn.Module, rows: pd.DataFrame, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    sqnn.save_model(model, tmp_path / "net.safetensors")
    options = ["--images", "20", "--rate-steps", "2,5", "--calibration", "30", "--no-progress"]
    line = ["study", "conversion", "net.safetensors", *options]
    with monkeypatch.context() as patched:
        counted(patched, stop=3)
        assert main(line) == 130
    assert "the study goes on with the same command" in capsys.readouterr().err
    assert main(line) == 0
    pd.testing.assert_frame_equal(ConversionFolder(tmp_path / "runs" / "conversion-1").table.read(), rows)
    assert (tmp_path / "runs" / "conversion-1" / "conversion.png").read_bytes()[1:4] == b"PNG"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["conversion-1"]
    printed = capsys.readouterr().out
    assert f"{rows.accuracy.iloc[0]:.2%}" in printed
    sqnn.save_model(build("resnet20", **SIZES), tmp_path / "relu.safetensors")
    assert main(["study", "conversion", "relu.safetensors"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("sqnn: to fix it: sqnn train --init relu.safetensors")
