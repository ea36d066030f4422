"""The study of plasticity: rows that are those of its runs, a table and a picture, and a failure that is a row."""

from __future__ import annotations

import pytest
import torch

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
    early, cost = result.plot().axes
    assert [list(line.get_xdata()) for line in early.lines] == 3 * [[1, 2, 3, 4, 5]]
    drawn = {line.get_label(): line.get_xdata().item() for line in cost.lines}
    assert drawn == {name: last[name] for name in variants}


@pytest.mark.parametrize("sigma", [0.0, 0.7])
@pytest.mark.parametrize("convention", list(CONVENTIONS))
def test_noise_enters_where_its_convention_says(data, convention: str, sigma: float) -> None:
    """The same draws by hand: the noise of an image before its spikes, that of spikes after them."""
    model = sqnn.create_model("snn-mlp", data, hidden=(16,), timesteps=5, seed=0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)  # so that neurons fire, and answers differ
    images, generator = data.test.floats(), torch.Generator().manual_seed(0)
    if convention == "clipped":
        images = (images + sigma * torch.randn(images.shape, generator=generator)).clamp(0, 1)
    trains = model.encoder.sparse(images, generator).dense()
    if convention != "clipped":
        steps = 1 if convention == "image" else 5
        trains = trains + sigma * torch.randn(steps, len(images), 64, generator=generator)
    with torch.no_grad():
        answers = model.decide(*model.output(model.hidden[0](trains)[0])).argmax(1)
    assert len(answers.unique()) > 2
    expected = (answers == data.test.labels).double().mean().item()
    assert noisy_accuracy(model, data.test, sigma, convention) == pytest.approx(expected)
    assert not any(part._forward_pre_hooks for part in model.modules())
