"""The layer-wise hybrid networks: counted by hand, fair twins, no dead weights, no batch mates."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from sqnn.core import ConfigError
from sqnn.models import VARIANTS

SMALL = {"has8-vgg": {"width": 2, "depth": 2, "hidden": (6, 5)}, "has8-resnet": {"width": 2, "stage_blocks": 1}}


def build(name: str = "has8-vgg", **options) -> nn.Module:
    return sqnn.create_model(name, **{**SMALL[name], "image_size": (8, 8), "num_classes": 3, **options})


def images(model: nn.Module, count: int = 6, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    shape = (count, model.config.in_channels, *model.config.image_size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_parameters_of_the_vgg_form_by_hand() -> None:
    # Convolutions 9 (1x2 + 2x4 + 4x8) = 378, norms 2 (2 + 4 + 8) = 28, dense 8x6 + 6x5 = 78, norms 2 (6 + 5) = 22.
    branch = 378 + 28 + 78 + 22
    counted = sqnn.count(build())
    assert (counted.spiking, counted.classical, counted.quantum) == (branch, branch + 5 * 3 + 3, 0)
    assert sqnn.count(build(variant="no-snn")).total == branch + 18
    assert sqnn.count(build(variant="no-ann")).total == branch + 18


def test_parameters_of_the_papers_widths_by_hand() -> None:
    # Width 16: 9 (1x16 + 16x32 + 32x64 + 64x128 + 128x256) + 2 (16 + ... + 256), 256x1024 + 1024x512 + 2 (1024 + 512).
    convolutions = 9 * (16 + 512 + 2048 + 8192 + 32768) + 2 * (16 + 32 + 64 + 128 + 256)
    dense = 256 * 1024 + 1024 * 512 + 2 * (1024 + 512)
    counted = sqnn.count(sqnn.create_model("has8-vgg"))
    assert counted.spiking == convolutions + dense
    assert counted.classical == convolutions + dense + 512 * 10 + 10


def test_parameters_of_the_resnet_form_by_hand() -> None:
    # Widths 2, 4, 8, 16 behind a stem 1 -> 2; a block a -> b has 9ab + 9bb + 4b, its shortcut ab + 2b where a != b.
    stem = 9 * 2 + 2 * 2
    blocks = sum(
        9 * a * b + 9 * b * b + 4 * b + (a * b + 2 * b if a != b else 0) for a, b in [(2, 2), (2, 4), (4, 8), (8, 16)]
    )
    counted = sqnn.count(build("has8-resnet"))
    assert (counted.spiking, counted.classical) == (stem + blocks, stem + blocks + 16 * 3 + 3)


def test_learned_values_of_neurons_and_ranges_are_spiking_parameters() -> None:
    plain = sqnn.count(build())
    learned = sqnn.count(build(learn_beta=True, learn_threshold=True, encoding_range="learned"))
    # A beta and a threshold for each of 2 + 4 + 8 + 6 + 5 neurons; two ends of a range before each inner stage of four.
    assert learned.spiking - plain.spiking == 2 * 25 + 2 * 3
    assert learned.classical == plain.classical


@pytest.mark.parametrize("variant", ["ann", "snn"])
@pytest.mark.parametrize(
    ("name", "options", "within"),
    [
        ("has8-vgg", {"width": 16, "depth": 4, "hidden": (1024, 512), "image_size": (28, 28)}, 1e-3),
        ("has8-vgg", {"width": 24, "depth": 4, "hidden": (1024, 512), "in_channels": 3, "image_size": (32, 32)}, 1e-3),
        ("has8-vgg", {"width": 4, "hidden": ()}, 0.03),
        ("has8-resnet", {"width": 32, "stage_blocks": 2, "image_size": (28, 28)}, 5e-3),
    ],
)
def test_twins_have_as_many_parameters(name: str, options: dict, variant: str, within: float) -> None:
    hybrid = sqnn.count(build(name, **options)).total
    twin = sqnn.count(build(name, **options, variant=variant))
    assert abs(twin.total - hybrid) <= within * hybrid
    assert twin.spiking == 0 if variant == "ann" else twin.classical < twin.spiking


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SMALL)
def test_a_prediction_does_not_depend_on_its_batch_mates(name: str, variant: str) -> None:
    model = build(name, variant=variant).double()
    x = images(model, dtype=torch.float64)
    for _ in range(40):  # ranges and norms settle on what they see
        model(x)
    model.eval()
    together = model(x)
    alone = torch.cat([model(image[None]) for image in x])
    assert_close(alone, together, atol=1e-12, rtol=0)
    assert together.std(0).min() > 0


def test_a_stage_is_the_sum_of_its_branches() -> None:
    model = build(variant="hybrid").double().eval()
    x = images(model, dtype=torch.float64)
    for stage, after in zip(model.stages, model.after, strict=True):
        y = stage(x)
        assert_close(y, stage.ann(x) + stage.snn(x), atol=0, rtol=0)
        x = after(y)
    assert_close(model(images(model, dtype=torch.float64)), model.classifier(x), atol=0, rtol=0)


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (13, 8), (28, 28), (9, 31), (31, 31), (32, 32), (64, 70)])
@pytest.mark.parametrize("variant", ["no-snn", "no-ann"])
@pytest.mark.parametrize("name", SMALL)
def test_every_weight_of_every_kernel_sees_the_image(name: str, variant: str, size: tuple[int, int]) -> None:
    """No kernel is as large as to look at padding alone, whatever the size of the image."""
    deep = {"depth": 4} if name == "has8-vgg" else {}
    model = build(name, variant=variant, image_size=size, in_channels=3, **deep).double()
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda layer, args, _, name=name: seen.__setitem__(name, args[0].detach()))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d)
    ]
    model(images(model, dtype=torch.float64))
    for hook in hooks:
        hook.remove()
    convolutions = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    assert seen.keys() == convolutions.keys()
    for name, layer in convolutions.items():
        probe = torch.ones_like(seen[name])
        weight = torch.zeros_like(layer.weight, requires_grad=True)
        F.conv2d(probe, weight, stride=layer.stride, padding=layer.padding).sum().backward()
        assert weight.grad.min() > 0, name


def test_without_ann_branches_only_the_encoders_carry_the_gradient() -> None:
    def first_gradient(surrogate: str) -> float:
        model = build(variant="no-ann", encoding_surrogate=surrogate, image_size=(16, 16))
        labels = torch.tensor([0, 1, 2, 0, 1, 2])
        F.cross_entropy(model(images(model)), labels).backward()
        return float(sum(p.grad.norm() for p in model.stages[0].parameters() if p.grad is not None))

    assert first_gradient("detached") == 0
    for surrogate in ("sigmoid-sine", "tanh-sine", "fourier-sine", "straight-through"):
        assert first_gradient(surrogate) > 0


@pytest.mark.parametrize("encoding", ["bitplane", "phase", "rate", "latency", "direct"])
@pytest.mark.parametrize("decoding", ["weight", "rate"])
def test_every_encoding_trains_every_weight(encoding: str, decoding: str) -> None:
    model = build(encoding=encoding, decoding=decoding, encoding_range="learned")
    generator = torch.Generator().manual_seed(3)
    F.cross_entropy(model(images(model), generator), torch.tensor([0, 1, 2, 0, 1, 2])).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_the_same_seed_gives_the_same_network_and_random_encoders_follow_the_generator() -> None:
    one, two = build(seed=4, encoding="rate"), build(seed=4, encoding="rate")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    x = images(one)
    first = one.eval()(x, torch.Generator().manual_seed(1))
    assert torch.equal(two.eval()(x, torch.Generator().manual_seed(1)), first)
    assert not torch.equal(one(x, torch.Generator().manual_seed(2)), first)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_saved_network_comes_back(variant: str, tmp_path) -> None:
    model = build(variant=variant)
    model(images(model))  # moves ranges and norms
    model.eval()
    sqnn.save_model(model, tmp_path / "m.safetensors")
    again = sqnn.load_model(tmp_path / "m.safetensors").eval()
    assert torch.equal(again(images(model)), model(images(model)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "both"}, "variant: got 'both', expected one of hybrid, ann, snn, no-snn, no-ann"),
        ({"image_size": (7, 28)}, "image_size: got (7, 28), expected at least 8 x 8"),
        ({"encoding": "morse"}, "encoding: got 'morse', expected one of"),
        ({"encoding_surrogate": "sine"}, "encoding_surrogate: got 'sine', expected one of sigmoid-sine"),
        (
            {"encoding": "rate", "encoding_surrogate": "tanh-sine"},
            "encoding_surrogate: got 'tanh-sine', expected one of straight-through, detached for rate",
        ),
        ({"encoding_alpha": 1e300}, "encoding_alpha: got 1e+300, expected a number above 0 and at most 1,000"),
        ({"encoding_alpha": 0.0}, "encoding_alpha: got 0.0, expected a number above 0"),
        ({"rescaling": "k"}, "rescaling: got 'k', expected one of order, paper, none"),
        ({"encoding_range": "batch"}, "encoding_range: got 'batch', expected one of"),
        ({"decoding": "first"}, "decoding: got 'first', expected one of weight, rate"),
        ({"timesteps": 17}, "timesteps: got 17"),
        ({"timesteps": 0}, "timesteps: got 0, expected a whole number of at least 1"),
        ({"encoding": "phase", "timesteps": 9}, "timesteps: got 9"),
        ({"width": 0}, "width: got 0, expected a whole number of at least 1"),
        ({"width": 10**10}, "width: got 10000000000, expected at most 65,536 channels"),
        ({"depth": 40}, "width: got 2, expected at most 65,536 channels"),
        ({"encoding": "direct", "encoding_surrogate": "detached"}, "encoding_surrogate: got 'detached', expected none"),
        ({"depth": -1}, "depth: got -1, expected a whole number from 0 to 64"),
        ({"hidden": (8, 0)}, "hidden: got 0, expected a whole number of at least 1"),
        ({"beta": 1.0}, "beta: got 1.0"),
        ({"neuron": "if", "learn_beta": True}, "learn_beta: got True"),
        ({"stage_blocks": 2}, "stage_blocks"),
    ],
)
def test_settings_that_build_no_network(options: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(**options)
    assert message in str(caught.value)


def test_every_code_weighs_spikes_of_the_neurons_by_digits_that_add_up_to_one() -> None:
    """A block that always fires decodes to 1 with every code of digits, whatever height its own spikes have."""
    for encoding in ("bitplane", "phase"):
        stage = build(encoding=encoding, timesteps=16).stages[1].snn
        assert stage.decoder(torch.ones(16, 2, 3)).tolist() == [[1.0] * 3] * 2


def test_the_spiking_twin_counts_spikes_and_the_others_weigh_them() -> None:
    decoders = {variant: build(variant=variant).config.decoder for variant in VARIANTS}
    assert decoders == {"hybrid": "weight", "ann": "weight", "snn": "rate", "no-snn": "weight", "no-ann": "weight"}
    assert build(variant="snn", decoding="weight").config.decoder == "weight"


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_that_are_no_images(variant: str) -> None:
    model = build(variant=variant)
    x = images(model)
    for wrong in (255 * x, x - 1, torch.full_like(x, torch.nan)):
        with pytest.raises(ValueError, match=r"images: got (values in .*|NaN), expected finite values in \[0, 1\]"):
            model(wrong)
    with pytest.raises(ValueError, match="images: got 1, expected at least 2"):
        model(x[:1])
    with pytest.raises(ValueError, match="images: got 0, expected at least 1"):
        model.eval()(x[:0])
    assert model(x[:1]).isfinite().all()


@pytest.mark.parametrize("shape", [(2, 1, 9, 8), (2, 3, 8, 8), (1, 8, 8), (2, 64)])
def test_images_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"images: got shape .* expected \[batch, 1, 8, 8\]"):
        build()(torch.rand(shape))
