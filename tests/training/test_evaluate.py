"""Evaluation against numbers computed by hand, and that it leaves no trace."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from scipy.stats import norm
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close
from toys import register

import sqnn
from sqnn.conversion import QCFS, convert, convert_by, prepare, verify
from sqnn.core import ConfigError
from sqnn.metrics import predict_logits, score


def by_hand(model, split, classes: int) -> tuple[float, float, list[list[int]]]:
    probabilities = sqnn.predict(model, split.floats()).double()
    picked = probabilities[torch.arange(len(split)), split.labels]
    confusion = [[0] * classes for _ in range(classes)]
    right = 0
    for true, guess in zip(split.labels.tolist(), probabilities.argmax(1).tolist(), strict=True):
        confusion[true][guess] += 1
        right += true == guess
    return right / len(split), -picked.log().mean().item(), confusion


def test_a_part_that_is_not_there_is_named_before_the_network_is_tried() -> None:
    class Broken(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise AssertionError("it was tried")

    with pytest.raises(ConfigError, match="split: got 'dev', expected one of train, validation, test"):
        sqnn.evaluate(Broken(), sqnn.load_data("digits"), "dev")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("encoding", ["phase", "rate"])
def test_evaluation_equals_the_sums_done_by_hand(digits, make_model, split: str, encoding: str) -> None:
    model = make_model(encoding=encoding, seed=3)
    images = getattr(digits, split)
    accuracy, loss, confusion = by_hand(model, images, 10)
    score = sqnn.evaluate(model, digits, split, progress=False)
    assert (score.split, score.images, score.confusion) == (split, len(images), confusion)
    assert score.accuracy == pytest.approx(accuracy, abs=1e-6)
    assert score.loss == pytest.approx(loss, abs=1e-5)
    assert sum(map(sum, score.confusion)) == len(images)


def test_a_split_of_several_batches_is_averaged_over_images(make_model) -> None:
    """More images than one evaluation batch, and a smaller last batch: each image counts the same."""
    data = sqnn.load_data("digits").subset(train=700)
    model = make_model(seed=1)
    accuracy, loss, confusion = by_hand(model, data.train, 10)
    score = sqnn.evaluate(model, data, "train", progress=False)
    assert score.confusion == confusion
    assert (score.accuracy, score.loss) == (pytest.approx(accuracy, abs=1e-6), pytest.approx(loss, abs=1e-5))


def test_two_evaluations_agree_even_with_a_random_encoder(digits, make_model) -> None:
    model = make_model(encoding="rate")
    assert sqnn.evaluate(model, digits, progress=False) == sqnn.evaluate(model, digits, progress=False)


def test_evaluation_leaves_no_trace(digits, make_model) -> None:
    model = make_model().train()
    model.frontend.blocks[0].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [part.training for part in model.modules()]
    random = torch.get_rng_state()
    sqnn.evaluate(model, digits, progress=False)
    sqnn.predict(model, digits.test.floats())
    assert [part.training for part in model.modules()] == modes
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(p.grad is None for p in model.parameters())


def test_a_refused_prediction_leaves_no_trace(make_model) -> None:
    model = make_model().train()
    with pytest.raises(ValueError, match="images: got shape"):
        sqnn.predict(model, torch.zeros(2, 1, 9, 9))
    assert model.training


def test_probabilities_are_the_softmax_of_the_logits(digits, make_model) -> None:
    model = make_model().eval()
    images = digits.test.floats()
    probabilities = sqnn.predict(model, images)
    assert_close(probabilities, F.softmax(model(images).detach(), dim=1), atol=1e-6, rtol=0)
    assert_close(probabilities.sum(1), torch.ones(len(images)), atol=1e-6, rtol=0)
    assert not probabilities.requires_grad


def test_many_images_are_predicted_in_parts(make_model) -> None:
    images = sqnn.load_data("digits").train.floats(slice(600))
    model = make_model()
    together = sqnn.predict(model, images)
    assert_close(together[550:], sqnn.predict(model, images[550:]), atol=1e-5, rtol=0)


def test_a_measurement_says_how_sure_it_is(digits, make_model) -> None:
    score = sqnn.evaluate(make_model(), digits, progress=False)
    right, n, z = np.trace(score.confusion), score.images, norm.ppf(0.975)
    share = right / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    assert score.interval == pytest.approx((middle - half, middle + half), abs=1e-12)
    assert repr(score) == (
        f"Evaluation(test, 70 images: accuracy {share:.2%} (95 % interval {middle - half:.2%} to {middle + half:.2%}), "
        f"cross-entropy {score.loss:.4f} nats)"
    )
    page = score._repr_html_()
    row = score.confusion[3]
    assert f"<tr><th>class 3</th><td>{row[3] / sum(row):.2%} of {sum(row)}</td></tr>" in page


def test_the_confusion_is_drawn_on_the_axes_that_are_given(digits, make_model) -> None:
    score = sqnn.evaluate(make_model(), digits, progress=False)
    axes, other = Figure().subplots(1, 2)
    assert score.plot(ax=other) is other.figure
    assert (len(axes.images), len(other.images)) == (0, 1)
    drawn = score.plot().axes[0].images[0].get_array()
    counts = np.array(score.confusion)
    assert_close(torch.as_tensor(drawn), torch.as_tensor(100 * counts / counts.sum(1, keepdims=True).clip(1)))


def test_a_trainers_device_and_precision_count(digits, monkeypatch) -> None:
    register(monkeypatch)
    model = sqnn.create_model("toy", digits)
    on_cpu = sqnn.evaluate(model, digits, progress=False, trainer={"accelerator": "cpu", "devices": 1})
    assert on_cpu == sqnn.evaluate(model, digits, progress=False)
    halved = sqnn.evaluate(model, digits, progress=False, trainer={"accelerator": "cpu", "precision": "bf16-mixed"})
    assert halved.loss != on_cpu.loss


def test_logits_come_in_the_order_of_the_images_whatever_the_batch(digits, make_model) -> None:
    model = make_model().double()
    whole = predict_logits(model, digits.train)
    assert whole.dtype == torch.float64
    for size in (1, 7, 159, 160):
        assert_close(predict_logits(model, digits.train.floats(), size), whole)


@pytest.mark.parametrize(
    "make",
    [
        lambda data: sqnn.create_model("sqdr-cnn", data, channels=(2,), n_qubits=2),
        lambda data: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
        lambda data: sqnn.SpikingQuantum(nn.Flatten(), data, n_qubits=2),
        lambda data: convert(nn.Sequential(nn.Flatten(), QCFS(2), nn.Linear(64, 10)), images=data.train.floats()),
    ],
    ids=["package", "own", "head", "converted"],
)
def test_every_network_is_asked_of_numbers_between_0_and_1_alone(digits, make) -> None:
    model, images = make(digits), digits.test.floats(slice(3))
    assert_close(sqnn.predict(model, images).sum(1), torch.ones(3))
    bad = images.clone()
    bad[2, 0, 3, 3] = torch.nan
    for given, message in (
        ((255 * images).to(torch.uint8), r"got dtype torch.uint8, expected .*; levels are images.float\(\) / 255"),
        (255 * images, r"got values in \[0, 255\], expected finite values in \[0, 1\]"),
        (images - 0.5, r"got values in \[-0.5, 0.5\]"),
        (bad, "got NaN, expected finite values"),
    ):
        with pytest.raises(ValueError, match=f"^images: {message}"):
            sqnn.predict(model, given)


def test_what_cannot_be_measured_is_refused(digits, make_model) -> None:
    with pytest.raises(ValueError, match="split: got 'tset', expected one of train, validation, test"):
        sqnn.evaluate(make_model(), digits, "tset")
    with pytest.raises(ValueError, match="split: test of digits holds no images"):
        sqnn.evaluate(make_model(), digits.subset(test=0))
    with pytest.raises(ValueError, match=r"data: digits has image_size \(8, 8\), but the network was built for"):
        sqnn.evaluate(sqnn.create_model("sqdr-cnn"), digits)
    fewer = dataclasses.replace(digits, classes=(*digits.classes, "eleven"))
    with pytest.raises(ValueError, match="data: digits has num_classes 11, but the network was built for 10"):
        sqnn.evaluate(make_model(), fewer)


def test_a_run_stands_for_its_network_and_its_images(tmp_path, make_model) -> None:
    data = sqnn.load_data("digits")
    run = sqnn.fit(
        make_model(), data, epochs=1, out=tmp_path / "run", progress=False, trainer={"limit_train_batches": 1}
    )
    assert sqnn.evaluate(run, progress=False).accuracy == run.test_accuracy
    assert sqnn.evaluate(run, data, "validation", progress=False) == sqnn.evaluate(
        run.model, data, "validation", progress=False
    )
    assert torch.equal(sqnn.predict(run, data.test.floats([0, 1])), sqnn.predict(run.model, data.test.floats([0, 1])))
    assert sqnn.count(run) == sqnn.count(run.model)
    with pytest.raises(ValueError, match=r"^data: got None, expected images, .* only a Run knows its own$"):
        sqnn.evaluate(run.model)
    with pytest.raises(ValueError, match=r"^model: got Run, expected a network; such as run.model$"):
        sqnn.fit(run, data)


def test_the_network_of_a_run_is_converted_and_compared(digits) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), QCFS(2), nn.Linear(5, 10))
    run = sqnn.Run(Path("nowhere"), model, {}, pd.DataFrame())
    images = digits.test.take(slice(3))
    spiking = convert(run)
    assert torch.equal(spiking(images.floats()), convert(model)(images.floats()))
    assert verify(run, spiking, images).bits == verify(model, spiking, images).bits > 0
    by_rate = convert_by("qcfs-rate", run, timesteps=4)
    assert torch.equal(by_rate(images.floats()), convert_by("qcfs-rate", model, timesteps=4)(images.floats()))
    assert score(run, images, progress=False) == score(model, images, progress=False)
    assert prepare(run, 3).state_dict().keys() == prepare(model, 3).state_dict().keys()
