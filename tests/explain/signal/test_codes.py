"""Information of the label: by hand, by scikit-learn, and in planted codes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnn.explain.signal import mutual_information, neural_codes, spike_windows

LABELS = torch.arange(4).repeat(25)


def planted() -> torch.Tensor:
    """Neurons that tell four labels by the count, by the latency, by the word alone, and not at all."""
    spikes = torch.zeros(8, len(LABELS), 4)
    for image, label in enumerate(LABELS.tolist()):
        spikes[:label, image, 0] = 1
        spikes[label, image, 1] = 1
        spikes[[0, 1 + label, 7], image, 2] = 1
    spikes[:, :, 3] = (torch.rand(8, len(LABELS), generator=torch.Generator().manual_seed(0)) < 0.3).float()
    return spikes


def test_each_code_tells_the_label_where_it_was_planted() -> None:
    made = neural_codes(planted(), LABELS)
    plug_in = {code: made.information[code] + made.chance[code] for code in made.information}
    assert made.label_entropy == pytest.approx(2)
    assert plug_in["rate"][:3].tolist() == pytest.approx([2, 0, 0])
    assert float(plug_in["latency"][1]) == pytest.approx(2)
    assert float(plug_in["latency"][2]) == pytest.approx(0)
    assert plug_in["word"][:3].tolist() == pytest.approx([2, 2, 2])
    # Words of 8 random steps are nearly all different: what they seem to say is chance.
    assert float(plug_in["word"][3]) > 0.8
    assert abs(float(made.information["word"][3])) < 0.1
    assert made.frame.set_index("code").best_neuron["rate"] == 0


def test_the_window_that_matters_is_found() -> None:
    spikes = (torch.rand(8, len(LABELS), 5, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    spikes[4:6] = (LABELS % 2).float()[None, :, None]
    made = spike_windows(spikes, LABELS)
    assert made.critical == (4, 6)
    assert made.information is not None
    assert float(made.information[2].min()) > 0.9
    assert float(made.information[[0, 1, 3]].max()) < 0.2


def test_information_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import mutual_info_score

    values = torch.randint(0, 5, (60, 3), generator=torch.Generator().manual_seed(2))
    labels = (values[:, 0] + torch.randint(0, 2, (60,), generator=torch.Generator().manual_seed(3))) % 3
    made = mutual_information(values, labels)
    for column in range(3):
        nats = mutual_info_score(labels.numpy(), values[:, column].numpy())
        assert float(made[column]) == pytest.approx(nats / math.log(2))


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from([3, 70]))
def test_a_word_says_no_less_than_what_is_read_from_it(seed: int, steps: int) -> None:
    source = torch.Generator().manual_seed(seed)
    spikes = (torch.rand(steps, 12, 3, generator=source) < 0.3).float()
    made = neural_codes(spikes, torch.arange(12) % 3, shuffles=1)
    plug_in = {code: made.information[code] + made.chance[code] for code in made.information}
    for code in ("rate", "latency"):
        assert bool((plug_in["word"] >= plug_in[code] - 1e-12).all())
    assert bool((plug_in["word"] <= made.label_entropy + 1e-12).all())


def test_the_decoder_leaves_out_the_image_that_it_tells() -> None:
    spikes = (torch.rand(5, 14, 3, generator=torch.Generator().manual_seed(4)) < 0.4).float()
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 1, 2, 3])
    counts = spikes.sum(0)
    right = 0
    for image in range(14):
        others = [other for other in range(14) if other != image]
        means = {
            label: torch.stack([counts[other] for other in others if labels[other] == label]).mean(0)
            for label in {int(labels[other]) for other in others}
        }
        distances = {label: float((counts[image] - mean).norm()) for label, mean in means.items()}
        own = distances.pop(int(labels[image]), math.inf)
        right += own < min(distances.values()) - 1e-9
    assert neural_codes(spikes, labels).decoded["rate"] == pytest.approx(right / 14)
