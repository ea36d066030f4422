"""Interchange interventions: swapping everything is the other image, an exact tree is right after every swap."""

from __future__ import annotations

import pytest
import torch
from explained import Small, quantum, small_data

import sqnn
from sqnn.core import ConfigError
from sqnn.data import ImageData
from sqnn.explain.behaviour import FEATURES, Interchange, Tree, interchange
from sqnn.explain.behaviour.interchange import swapped


@pytest.mark.parametrize("kind", ["counts", "windows", "angles", "expectations"])
def test_swapping_all_there_is_gives_the_answer_to_the_other_image(kind: str) -> None:
    model = quantum()
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    source = sqnn.record(model, images[3:], bloch=False)
    features = list(FEATURES[kind].features(source))
    with swapped(model, features, source):
        after = sqnn.record(model, images[:3], bloch=False)
    plain = sqnn.record(model, images[:3], bloch=False)
    assert torch.allclose(after.logits, source.logits, atol=1e-6)
    assert not torch.allclose(plain.logits, source.logits, atol=1e-3)


def test_a_region_is_swapped_and_nothing_beside_it() -> None:
    model = quantum()
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    base, source = (sqnn.record(model, images[i : i + 1], bloch=False) for i in range(2))
    feature = next(f for f in FEATURES["regions"].features(base) if f.name.endswith("channel 1, top right"))
    with swapped(model, [feature], source):
        after = sqnn.record(model, images[:1], bloch=False)["frontend.blocks.0"].spikes
    expected = base["frontend.blocks.0"].spikes.clone()
    expected[:, :, 1, 0:2, 5:8] = source["frontend.blocks.0"].spikes[:, :, 1, 0:2, 5:8]
    assert torch.equal(after, expected)
    assert not torch.equal(after, base["frontend.blocks.0"].spikes)


class Threshold(torch.nn.Module):
    """Answers by whether the first of three neurons fires: a tree can be exact."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Small(seed=3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        counts = self.inner(images)
        return torch.stack([0.5 - counts[:, 0], counts[:, 0] - 0.5, counts[:, 1] - 9], 1)


def exact() -> tuple[torch.nn.Module, ImageData, Tree]:
    model, data = Threshold(), small_data()
    tree = sqnn.distil(model, data, features=("counts",), layers=("inner.output",))
    assert isinstance(tree, Tree)
    return model, data, tree


def test_an_exact_tree_is_right_after_every_swap() -> None:
    model, data, tree = exact()
    assert [feature.name for feature in tree.features] == ["inner.output, neuron 0"]
    found = interchange(model, tree, data.test, pairs=200)
    assert (found.accuracy, found.changed_accuracy) == (1.0, 1.0)
    assert found.baseline == 1 - found.changed < 0.95
    assert len(found.after) == found.frame.pairs.sum() == 200


def test_a_tree_that_reads_an_effect_is_right_after_a_swap_of_its_cause() -> None:
    model, data, _ = exact()
    tree = sqnn.distil(model, data, leaves=8, features=("counts",), layers=("inner.hidden",))
    assert isinstance(tree, Tree)
    found = interchange(model, tree, data.test, pairs=120, together=len(tree.features))
    # The answers of network and tree, one pair after the other.
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randint(60, (2, -(-120 // len(tree.features))), generator=generator)
    record = sqnn.record(model, data.test)
    with_all = tree.predict(record)[second]
    if len(tree.features) == 3:  # all neurons of the layer: the second image is answered
        assert torch.equal(found.after[: len(second)], record.predictions[second])
    assert torch.equal(found.distilled[: len(second)], with_all)
    assert torch.equal(found.before[: len(first)], record.predictions[first])


def test_shares_are_those_of_the_pairs() -> None:
    values = [torch.tensor(each) for each in ([0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 2, 1], [0, 1, 1, 1], [0, 0, 0, 0])]
    found = Interchange(exact()[2].features, *values)
    assert (found.accuracy, found.baseline, found.changed) == (0.75, 0.25, 0.5)
    assert found.changed_accuracy == 0.5
    assert Interchange(found.features, *(torch.zeros(3, dtype=torch.int64),) * 5).changed_accuracy is None


def test_bad_input_gets_one_line() -> None:
    model, data, tree = exact()
    with pytest.raises(ConfigError, match=r"together: got 2, expected 1 to 1"):
        interchange(model, tree, data.test, together=2)
    with pytest.raises(ValueError, match=r"pairs: got 0, expected a whole number of at least 1"):
        interchange(model, tree, data.test, pairs=0)
    with pytest.raises(ConfigError, match=r"images: got Split\(1 image"):
        interchange(model, tree, data.test.take(slice(1)))
