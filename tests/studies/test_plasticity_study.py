"""The study of plasticity: rows that are those of its runs, a table and a picture, and a failure that is a row."""

from __future__ import annotations

import pytest

import sqnn
from sqnn.metrics import anytime
from sqnn.studies.plasticity.noise import CONVENTIONS, noisy_accuracy
from sqnn.training import Run

OPTIONS = {"hidden": (16,), "timesteps": 5, "epochs": 2, "batch_size": 32, "seeds": 1, "workers": 0, "progress": False}


@pytest.fixture(scope="module")
def data() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(train=160, validation=60, test=60)


def test_rows_are_those_of_the_runs(data, tmp_path) -> None:
    variants = ("backprop", "hybrid", "rate-penalty")
    result = sqnn.study("plasticity", data, out=tmp_path, variants=variants, **OPTIONS)
    rows = result.frame
    for variant in variants:
        run = Run.load(tmp_path / "runs" / f"{variant}-0")
        part = rows[(rows.variant == variant) & (rows.noise == "none")].set_index("read")
        tested = anytime(run.model, data.test).frame
        assert part.loc["last", "test_accuracy"] == pytest.approx(run.test_accuracy)
        assert part.loc["2", "accumulates"] == tested.accumulates[1]
        assert part.loc["last", "hidden_spikes"] == tested.hidden_spikes.iloc[-1]
        assert set(rows[(rows.variant == variant) & (rows["read"] == "last")].noise) == {
            "none",
            *(f"{name}:0.3" for name in CONVENTIONS),
        }
    summary = result.summary()
    line = summary[(summary.variant == "hybrid") & (summary["read"] == "last") & (summary.noise == "none")].iloc[0]
    last = rows[(rows["read"] == "last") & (rows.noise == "none")].set_index("variant").hidden_spikes
    assert line.share_of_spikes == pytest.approx(last["hybrid"] / last["backprop"])
    again = sqnn.study("plasticity", data, out=tmp_path, variants=variants, **OPTIONS)
    assert again.frame.equals(rows)
    assert len(result.plot().axes) == 2


@pytest.mark.parametrize("convention", list(CONVENTIONS))
def test_noise_of_no_size_changes_nothing_and_large_noise_everything(data, convention: str) -> None:
    run = sqnn.create_model("snn-mlp", data, hidden=(16,), timesteps=5, seed=0)
    assert noisy_accuracy(run, data.test, 0.0, convention) == pytest.approx(
        noisy_accuracy(run, data.test, 0.0, "steps"), abs=0.2
    )
    assert noisy_accuracy(run, data.test, 5.0, convention) == noisy_accuracy(run, data.test, 5.0, convention)
    assert not any(part._forward_pre_hooks for part in run.modules())
