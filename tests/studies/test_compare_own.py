"""Finished runs beside each other, of which one network is of a user's own and cannot be read or evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import sqnn
from sqnn.models import layout_of
from sqnn.studies.compare.runs import _short


@pytest.fixture(scope="module")
def data() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(train=150, validation=20, test=20)


@pytest.fixture(scope="module")
def spiking(data: sqnn.ImageData, tmp_path_factory: pytest.TempPathFactory) -> sqnn.Run:
    """A network of the package, trained for an epoch."""
    model = sqnn.create_model("snn-mlp", data, hidden=(1,), timesteps=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqnn.Run, "plot", lambda *_: None)
        return sqnn.fit(model, data, epochs=1, seed=1, out=tmp_path_factory.mktemp("runs") / "1", progress=False)


class Own(nn.Sequential):
    """A network of one's own, which may fail once it is trained."""

    broken: Exception | SystemExit | None = None

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.broken is not None:
            raise self.broken
        return super().forward(images)


class Wide(nn.Sequential):
    """Another network of one's own, of as many widths as asked for."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def test_layouts_of_own_networks_are_told_apart_by_few_digits(
    data: sqnn.ImageData, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(sqnn.Run, "plot", lambda *_: None)
    runs = [sqnn.fit(Wide(w), data, epochs=1, out=tmp_path / str(w), progress=False) for w in (2, 3)]
    labels = sqnn.compare(*runs).frame.model.tolist()
    layouts = [layout_of(run.model) for run in runs]
    assert [label.rpartition("layout=")[2] for label in labels] == [layout[:8] for layout in layouts]
    one, two, same = "a" * 64, "a" * 10 + "b" * 54, "relu"
    assert (_short(one, [one, two]), _short(two, [one, two]), _short(same, [one])) == ("a" * 11, "a" * 10 + "b", "relu")


@pytest.mark.parametrize("broken", [KeyError("no such thing"), SystemExit(0), None])
def test_a_network_that_cannot_be_evaluated_leaves_the_others_their_costs(
    broken: Exception | SystemExit | None,
    spiking: sqnn.Run,
    data: sqnn.ImageData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqnn.Run, "plot", lambda *_: None)
    monkeypatch.setattr("sqnn.metrics.effective.MOST_PARAMETERS", 1)  # they take long, and are not asked for here
    own = sqnn.fit(Own(), data, epochs=1, seed=1, out=tmp_path / "own", progress=False)
    monkeypatch.setattr(Own, "broken", broken)
    alone = sqnn.compare(spiking, data=data)
    compared = sqnn.compare(spiking, own if broken else own.folder, data=data)
    assert compared.frame.energy.iloc[0] == alone.frame.energy.iloc[0] > 0
    assert compared.frame.energy.isna().tolist() == [False, True]
    assert compared.frame.test_accuracy.iloc[1] == own.test_accuracy
    assert compared.table()["energy without circuits (nJ)"].iloc[1] == "–"
    (note,) = [note for note in compared.notes if note.startswith("without operations and energy: ")]
    assert own.result["model"] in note
    why = {
        "KeyError": "KeyError in line ",
        "SystemExit": "model: its forward ends the program: SystemExit in line ",
        "NoneType": f"and stores no code; give what makes it: Run.load({str(own.folder)!r}, model=function)",
    }
    assert why[type(broken).__name__] in note
    if broken is None:
        whole = sqnn.compare(spiking, sqnn.Run.load(own.folder, model=Own), data=data)
        assert whole.frame.energy.notna().all()
        assert not [note for note in whole.notes if note.startswith("without")]
