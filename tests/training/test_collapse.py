"""A training that collapsed says so, and what to do; one that went well says nothing."""

from __future__ import annotations

import dataclasses
import json
import math
import warnings

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import sqnn
from sqnn.cli import main
from sqnn.metrics import SilenceWarning, predict_logits
from sqnn.neurons import LIF
from sqnn.training import CollapseWarning, check_fit, collapse_signs


def history(losses: list[float], accuracies: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"train_loss": losses, "validation_accuracy": accuracies})


def signs(model, data: sqnn.ImageData, losses: list[float], accuracies: list[float]) -> list[str]:
    return collapse_signs(model, data, history(losses, accuracies), 0.05, 1)


def test_a_network_that_learned_has_no_signs(digits, make_model) -> None:
    assert signs(make_model(readout="membrane"), digits, [2.0, 0.5, 0.4], [0.2, 0.8, 0.7]) == []


def test_chance_level_is_the_share_of_the_most_frequent_class(digits, make_model) -> None:
    counts = digits.validation.labels.bincount()
    share = int(counts.max()) / int(counts.sum())
    model = make_model(readout="membrane")
    (sign,) = signs(model, digits, [2.3, 2.2], [share, share / 2])
    assert sign.startswith(f"the best validation accuracy, {share:.2%}, is at the chance level, {share:.2%}")
    assert "lower learning_rate (0.05)" in sign


@pytest.mark.parametrize(("right", "told"), [(25, True), (26, True), (27, False), (29, False)])
def test_what_is_above_the_chance_level_beyond_doubt_is_no_sign(make_model, right: int, told: bool) -> None:
    """Of 180 images in ten equal classes, 16 % are right with a chance level of 10 %: a sign of nothing."""
    images = sqnn.load_data("digits").subset(160, 180)
    labels = torch.arange(180) % 10
    images = dataclasses.replace(images, validation=dataclasses.replace(images.validation, labels=labels))
    model = make_model(readout="membrane")
    found = signs(model, images, [2.3, 2.2], [0.05, right / 180])
    # The least p whose upper tail, the chance of so many or more, is 2.5 %, by summation.
    terms = (math.comb(180, k) * 0.1**k * 0.9 ** (180 - k) for k in range(right, 181))
    assert (math.fsum(terms) > 0.025) == bool(found)
    for sign in found:
        assert sign.startswith(
            f"the best validation accuracy, {right / 180:.2%}, cannot be told from the chance level, 10"
        )
    assert bool(found) == told


def test_few_validation_images_tell_less_and_few_steps_are_to_be_more(digits, make_model) -> None:
    """Of 3 images no accuracy can be told from 2/3: what is above the share is no sign."""
    few = digits.subset(32, 3)
    labels = torch.tensor([0, 0, 1])
    few = dataclasses.replace(few, validation=dataclasses.replace(few.validation, labels=labels))
    model = make_model(readout="membrane")
    assert signs(model, few, [2.3, 2.2], [2 / 3, 1.0]) == []
    found = collapse_signs(model, few, history([2.3, 2.2], [2 / 3, 1 / 3]), 0.05, 1, batch_size=16)
    assert found[0].endswith("train for longer, 4 steps being few (more epochs, smaller batch_size, more images)")
    many = collapse_signs(model, few, history([2.3] * 50, [1 / 3] * 50), 0.05, 1, batch_size=16)
    assert many[0].endswith("lower learning_rate (0.05)")


def test_a_loss_that_rose_again_is_named_with_both_values(digits, make_model) -> None:
    (sign,) = signs(make_model(readout="membrane"), digits, [2.0, 0.4, 0.9], [0.2, 0.8, 0.6])
    assert sign == "the training loss rose from 0.400 to 0.900 nats; lower learning_rate (0.05) or gradient_clip"
    assert signs(make_model(readout="membrane"), digits, [2.0, 0.002, 0.004], [0.2, 0.9, 0.9]) == []


def test_a_history_without_losses_has_no_rise(digits, make_model) -> None:
    assert signs(make_model(readout="membrane"), digits, [float("nan")] * 2, [0.2, 0.8]) == []


@pytest.mark.parametrize("readout", ["spike", "membrane"])
def test_dead_angles_are_named_with_the_readout_that_keeps_them_alive(digits, make_model, readout: str) -> None:
    model = make_model(readout=readout)
    for _ in range(30):
        model(digits.train.floats())  # batch norms that know the images
    model.frontend.linear.weight.data *= 20
    model.frontend.linear.weight.data[3:] = 0  # 6 of 9 angles are the same for all images
    model.frontend.linear.bias.data[:] = 0
    (sign,) = signs(model, digits, [2.0, 0.5], [0.2, 0.8])
    assert sign.startswith("6 of 9 angles of circuit are the same for all images; lower learning_rate (0.05)")
    assert ("readout membrane" in sign) == (readout == "spike")


def test_a_layer_of_silent_neurons_is_named(digits, make_model) -> None:
    model = make_model(readout="membrane")
    model.frontend.blocks[0].norm.bias.data[:] = -1e3
    found = signs(model, digits, [2.0, 0.5], [0.2, 0.8])
    assert any(sign.startswith("2 of 2 channels of frontend.blocks.0.neuron never fire") for sign in found)


def test_a_run_warns_stores_the_signs_and_reads_them_back(digits, make_model, tmp_path) -> None:
    with pytest.warns(CollapseWarning, match="is at the chance level"):
        run = sqnn.fit(make_model(), digits, epochs=1, learning_rate=1e-6, out=tmp_path / "run", progress=False)
    assert run.warnings
    assert run.warnings == json.loads((tmp_path / "run" / "result.json").read_text())["warnings"]
    assert run.warnings == sqnn.Run.load(tmp_path / "run").warnings
    assert "collapsed" in repr(run)
    assert run.warnings[0] in run._repr_html_()


def test_the_command_prints_them_once_and_without_a_line_of_code(tmp_path, capsys) -> None:
    words = "train --data digits --epochs 1 --learning-rate 1e-6 --n-qubits 2 --channels 2,2 --no-progress"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        assert main([*words.split(), "--out", str(tmp_path / "run")]) == 0
    seen = capsys.readouterr()
    both = seen.out + seen.err
    assert both.count("the chance level") == 1
    assert "CollapseWarning" not in both


class Silent(nn.Module):
    """Neurons that no current brings to fire, until it is `gain` times as large."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain, self.linear, self.neuron = gain, nn.Linear(64, 10), LIF(0.5)

    def forward(self, images: Tensor) -> Tensor:
        weights = self.linear.weight.abs() / 10
        return self.neuron((self.gain * images.flatten(1) @ weights.T).expand(4, -1, -1))


def test_a_network_that_nothing_reaches_is_told_before_and_after(digits) -> None:
    with pytest.warns(SilenceWarning, match=r"same logits for all 4 images of a trial.*larger input"):
        check_fit(Silent(0.1), digits, learns=True)
    check_fit(Silent(0.1), digits)  # of an evaluation nothing is expected, and a warning is an error here
    check_fit(Silent(6), digits, learns=True)
    share = float(digits.validation.labels.bincount().max() / len(digits.validation.labels))
    sign, *_ = signs(Silent(0.1), digits, [2.3, 2.3], [share, share])
    assert "the logits are the same for all images: take more time steps" in sign


def competing(digits: sqnn.ImageData, steps: int = 3, **options: object) -> nn.Module:
    """Competing neurons after a few batches of all images."""
    model = sqnn.create_model("snn-wta", digits, neurons=20, timesteps=15, input_norm=4.0, **options)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        model.learn(digits.train.floats(), digits.train.labels, generator)
    return model


@pytest.mark.parametrize("rule", ["stdp", "r-stdp"])
def test_a_network_with_a_rule_of_its_own_is_told_of_the_options_of_that(digits, rule: str) -> None:
    """Nothing that acts on a gradient is named; what is named for silence is what ends it."""
    share = float(digits.validation.labels.bincount().max() / len(digits.validation.labels))
    quiet, louder = competing(digits, rule=rule, gain=0.01), competing(digits, rule=rule)
    (sign,) = collapse_signs(quiet, digits, history([2.3, 2.3], [share, share]), 0.05, 1, 16)
    calmer = "lower eta (0.3), eta_end (0.003) or homeostasis (0.0003)"
    mend = f"raise gain (0.01) or lower homeostasis (0.0003), or {calmer}"
    assert sign.endswith(f"the logits are the same for all images: {mend}")
    quiet_logits, logits = (predict_logits(model, digits.validation) for model in (quiet, louder))
    assert not quiet_logits.any()
    assert logits.any(1).float().mean() > 0.9
    (rose,) = collapse_signs(louder, digits, history([0.4, 0.9], [0.8, 0.6]), 0.05, 1, 16)
    assert rose.endswith(f"0.900 nats; {calmer}")


def test_a_study_prints_a_collapse_as_one_line(digits, make_model, tmp_path, capfd) -> None:
    from sqnn.studies.runner.training import finished_run

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        run = finished_run(tmp_path / "slow" / "1-0", make_model(), digits, {"epochs": 1, "learning_rate": 1e-6})
        with pytest.warns(UserWarning, match="still heard"):  # what is no collapse goes its usual way
            warnings.warn("still heard", stacklevel=1)
    assert run.warnings
    printed = capfd.readouterr().err.splitlines()
    assert printed == [f"warning: slow/1-0: training collapsed: {sign}" for sign in run.warnings]


@pytest.mark.parametrize("steps", [1, 5])
def test_images_that_no_neuron_answers_are_counted(digits, steps: int) -> None:
    """One spike decides; without any the logits of the counts are all 0."""
    model = competing(digits, steps)
    images = torch.cat([torch.zeros(2, 1, 8, 8), digits.test.floats(slice(3))])
    with pytest.warns(SilenceWarning, match=r"^images: 2 of 5 images have the same logit for every class, as where no"):
        probabilities = sqnn.predict(model, images)
    assert torch.equal(probabilities[:2], torch.full((2, 10), 0.1))
    assert sqnn.predict(model, images[2:]).std(1).min() > 1e-3  # and no warning, which is an error here


def test_the_command_names_the_images_that_no_neuron_answers(digits, tmp_path, capsys) -> None:
    from PIL import Image

    from sqnn.models import save_model

    save_model(competing(digits, gain=0.01), tmp_path / "m.safetensors", digits.classes, data=digits)
    (tmp_path / "scans").mkdir()
    for name, image in zip("ab", digits.test.floats([0, 1]), strict=True):
        Image.fromarray((image[0] * 255).byte().numpy()).save(tmp_path / "scans" / f"{name}.png")
    words = ["predict", str(tmp_path / "m.safetensors"), str(tmp_path / "scans"), "--json", str(tmp_path / "p.json")]
    assert main(words) == 0
    printed, errors = capsys.readouterr()
    first, second = (str(tmp_path / "scans" / f"{name}.png") for name in "ab")
    assert f"note: {first} and 1 more: every class has the same probability, as where no neuron answers" in printed
    assert errors == ""
    assert json.loads((tmp_path / "p.json").read_text())["silent"] == [first, second]
