"""A converted network's file gives back the same spikes, bit by bit; what is no such file is refused in one line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch
from classical_networks import CLASSIFIERS, batch, build, settled
from torch import nn

import sqnn
from sqnn.conversion import QCFS, SpikingNetwork, convert, convert_rate, load_spiking, prepare, save_spiking, verify
from sqnn.core import ConfigError
from sqnn.metrics import score
from sqnn.models import ModelFileError

Converted = Callable[[nn.Module], SpikingNetwork]

CONVERSIONS: dict[str, Converted] = {
    "exact": convert,
    "two planes, folded": lambda model: convert(model, planes=2, fold_batch_norm=True),
    "immediate, no shift": lambda model: convert(model, bias_shift=False, postponed=False),
    "rate, postponed": lambda model: convert(model, plane_weights=False),
    "learned": lambda model: convert_rate(model, 5, initial=0.25),
    "max": lambda model: convert_rate(model, 5, thresholds="max", images=batch(model, 8)),
    "percentile": lambda model: convert_rate(model, 3, thresholds="percentile", images=batch(model, 8), percentile=90),
}


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return settled(build("resnet20", activation="qcfs", timesteps=3)).float()


@pytest.fixture
def file(model: nn.Module, tmp_path: Path) -> Path:
    return save_spiking(convert(model), tmp_path / "spiking.safetensors", list("abcde"))


def assert_same(one: SpikingNetwork, other: SpikingNetwork) -> None:
    images = batch(one, 3, seed=5)
    (output, spikes), (again, theirs) = one.record(images), other.record(images)
    assert torch.equal(output, again)
    assert torch.equal(one(images), other(images))
    assert spikes.keys() == theirs.keys()
    assert all(torch.equal(train, theirs[path]) for path, train in spikes.items())
    assert sum(int(train.sum()) for train in spikes.values()) > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", CONVERSIONS)
def test_every_conversion_comes_back_bit_by_bit(kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    model = settled(build("resnet20", activation="qcfs", timesteps=3)).to(dtype)
    spiking = CONVERSIONS[kind](model)
    read = load_spiking(save_spiking(spiking, tmp_path / "deep" / "er.safetensors"))
    assert read.how == spiking.how
    assert (read.config, read.name) == (model.config, "resnet20")
    assert_same(spiking, read)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_network_comes_back(name: str, tmp_path: Path) -> None:
    model = settled(build(name, activation="qcfs", thresholds="channel")).float()
    spiking = convert(model)
    assert_same(spiking, load_spiking(save_spiking(spiking, tmp_path / "file")))


def test_a_relu_network_comes_back_with_its_thresholds(tmp_path: Path) -> None:
    model = settled(build("vgg11")).float()
    spiking = convert_rate(model, 4, thresholds="max", images=batch(model, 8))
    read = load_spiking(save_spiking(spiking, tmp_path / "file"))
    assert_same(spiking, read)
    assert all(torch.equal(value, read.thresholds[path]) for path, value in spiking.thresholds.items())


@pytest.mark.parametrize("pools", ["keep", "average"])
def test_a_prepared_network_comes_back(tmp_path: Path, pools: str) -> None:
    model = build("vgg11", pooling="max").eval()
    prepared = prepare(model, 3, images=batch(model, 8), pools=pools).eval()
    spiking = convert(prepared)
    assert_same(spiking, load_spiking(save_spiking(spiking, tmp_path / "file")))


def test_what_was_read_is_verified_executed_and_saved_like_the_first(model: nn.Module, file: Path) -> None:
    read = load_spiking(file)
    assert verify(model, read, batch(model, 4)).mismatches == verify(model, convert(model), batch(model, 4)).mismatches
    assert torch.equal(read.using("fused")(batch(model)), convert(model).using("fused")(batch(model)))
    first, again = (safetensors.torch.load_file(one) for one in (file, save_spiking(read, file.with_name("again"))))
    assert first.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in first.items())


def test_a_spiking_network_is_measured_as_any_other(tmp_path: Path) -> None:
    data = sqnn.load_data("digits").subset(train=50, test=70)
    model = settled(build("resnet20", activation="qcfs", in_channels=1, num_classes=10))
    for dtype in (torch.float32, torch.float64):
        spiking = load_spiking(save_spiking(convert(model.to(dtype)), tmp_path / "file"))
        measured = sqnn.evaluate(spiking, data, progress=False)
        counted = score(spiking, data.test)
        assert (measured.images, measured.accuracy) == (70, pytest.approx(counted.accuracy))
        by_hand = spiking(data.test.floats()).softmax(-1)
        assert torch.allclose(sqnn.predict(spiking, data.test.floats()), by_hand, atol=1e-6)
        assert counted.accuracy == pytest.approx(float((by_hand.argmax(1) == data.test.labels).float().mean()))
        trains = spiking.record(data.test.floats())[1].values()
        spikes = sum(int(train.sum()) for train in trains) / sum(train[0].numel() for train in trains)
        assert counted.spikes == pytest.approx(spikes)
        assert score(spiking.using("fused"), data.test, rows=40).spikes == pytest.approx(spikes, rel=1e-3)


def test_parameters_are_those_of_the_source_and_spiking(model: nn.Module, file: Path) -> None:
    counts = sqnn.count(load_spiking(file))
    assert (counts.spiking, counts.classical, counts.quantum) == (sqnn.count(model).total, 0, 0)


def own(padding: int = 1, width: int = 3, bits: int = 2) -> nn.Module:
    """A network of no name on images of 5x7, which nothing would guess."""
    with torch.random.fork_rng():
        torch.manual_seed(width)
        maps = nn.Sequential(nn.Conv2d(2, width, 3, padding=padding), nn.BatchNorm2d(width), QCFS(bits))
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten(), nn.Linear(4 * width, 6), QCFS(bits))
        model = nn.Sequential(maps, pooled, nn.Linear(6, 3)).eval()
    return trained(model)


@torch.no_grad()
def trained(model: nn.Module) -> nn.Module:
    """The network with weights at which neurons spike."""
    for parameter in model.parameters():
        parameter += 0.15
    return model


IMAGES = torch.rand(8, 2, 5, 7, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("kind", ["exact", "two planes, folded", "learned", "max", "exact in double"])
def test_networks_of_ones_own_come_back_with_the_function_that_made_them(kind: str, tmp_path: Path) -> None:
    model = own().double() if kind == "exact in double" else own()
    images = IMAGES.to(next(model.parameters()).dtype)
    trained(model)  # other weights than the function draws
    make: dict[str, Converted] = {
        "two planes, folded": lambda net: convert(net, images=images, planes=1, fold_batch_norm=True),
        "learned": lambda net: convert_rate(net, 5, images=images),
        "max": lambda net: convert_rate(net, 5, thresholds="max", images=images),
    }
    spiking = make.get(kind, lambda net: convert(net, images=images))(model)
    path = save_spiking(spiking, tmp_path / "file", list("abc"), factory=own)
    read = load_spiking(path, factory=own)
    (output, spikes), (again, theirs) = spiking.record(images), read.record(images)
    assert torch.equal(output, again)
    assert all(torch.equal(train, theirs[name]) for name, train in spikes.items())
    assert sum(int(train.sum()) for train in spikes.values()) > 0
    assert (read.how, read.shape, sqnn.models.read_header(path, ("sqnn-spiking-1",))["classes"]) == (
        spiking.how,
        (2, 5, 7),
        list("abc"),
    )
    first, second = (
        safetensors.torch.load_file(one) for one in (path, save_spiking(read, tmp_path / "b", factory=own))
    )
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_only_the_function_that_made_it_opens_a_network_of_ones_own(tmp_path: Path, monkeypatch) -> None:
    path = save_spiking(convert(own(), images=IMAGES), tmp_path / "file", factory="nowhere_at_all:make")
    before = set(sys.modules)
    with pytest.raises(
        ModelFileError, match=r"holds a network of your own, nowhere_at_all:make, and no code; give what"
    ):
        load_spiking(path)
    for factory, message in (
        (
            lambda: own(width=4),
            "factory: got .*lambda.*, which makes another network than the one in .*, expected nowhere",
        ),
        (lambda: own(padding=0), "factory: got .*lambda.*, which makes another network than the one in"),
        (lambda: own(bits=3), "factory: got .*lambda.*, whose network cannot be converted .*the bits of the network"),
        (lambda: nn.Linear(3, 4), "factory: got .*lambda.*, whose network cannot be converted"),
        (lambda: None, "factory: got None, expected a function that returns a network"),
        ("nowhere_at_all:make", "factory: got 'nowhere_at_all:make', expected a function or a class that makes"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            load_spiking(path, factory=factory)
        assert "\n" not in str(caught.value)
    assert not {name for name in set(sys.modules) - before if "nowhere" in name}, "what a file names is not imported"
    assert load_spiking(path, own)(IMAGES).shape == (8, 3)


def test_only_networks_that_a_name_builds_are_saved_without_a_function(tmp_path: Path, file: Path) -> None:
    unnamed = convert(nn.Sequential(nn.Linear(3, 4), sqnn.conversion.QCFS(2), nn.Linear(4, 2)))
    with pytest.raises(
        ConfigError, match=r"spiking: got .* expected a network converted from one of sqdr-cnn.*factory="
    ):
        save_spiking(unnamed, tmp_path / "file")
    with pytest.raises(ConfigError, match="spiking: got 'Linear', expected a network that convert made"):
        save_spiking(nn.Linear(2, 2), tmp_path / "file")
    with pytest.raises(ConfigError, match="factory: got 'make', expected module:function, or a function or class"):
        save_spiking(unnamed, tmp_path / "file", factory="make")
    with pytest.raises(ConfigError, match="classes: got "):
        save_spiking(unnamed, tmp_path / "file", [1, 2], factory=own)  # type: ignore[list-item]
    assert [one for one in tmp_path.iterdir() if one != file] == []
    for call in (lambda: save_spiking(load_spiking(file), file, factory=own), lambda: load_spiking(file, own)):
        with pytest.raises(ConfigError, match=r"factory: got .*own.*, expected none: .*of the package"):
            call()


def refuse(path: Path, expected: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        load_spiking(path)
    message = str(caught.value)
    assert re.search(expected, message), message
    assert message.startswith("path: ")
    assert len(message.splitlines()) == 1


def test_truncated_and_foreign_files_are_refused(model: nn.Module, file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    cut = tmp_path / "cut"
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:length])
        refuse(cut, "cut is no safetensors file, or no whole one")
    refuse(tmp_path / "none", "no file")
    refuse(sqnn.save_model(model, tmp_path / "source"), "not a network of sqnn .*sqnn-spiking-1.* format sqnn-model-1")
    with pytest.raises(ModelFileError, match=r"not a network of sqnn .* it is of format sqnn-spiking-1"):
        sqnn.load_model(file)


def changed(file: Path, **changes: object) -> Path:
    """The file with other values of its conversion."""
    with safetensors.safe_open(file, "pt") as opened:
        header = opened.metadata()
    conversion = json.loads(header["conversion"])
    conversion["code"] |= {key: changes.pop(key) for key in list(changes) if key in conversion["code"]}
    header["conversion"] = json.dumps({**conversion, **changes})
    safetensors.torch.save_file(safetensors.torch.load_file(file), file.with_name("changed"), header)
    return file.with_name("changed")


@pytest.mark.parametrize(
    "changes",
    [
        {"postponed": "yes"},
        {"thresholds": "bogus"},
        {"bogus": 1},
        {"name": "bogus"},
        {"weights": []},
        {"weights": [4, 2, 2]},
        {"weights": "421"},
        {"steps": 8},
        {"steps": "7"},
        {"initial": None},
        {"code": 3},
    ],
)
def test_a_conversion_that_is_none_is_refused(file: Path, changes: dict) -> None:
    refuse(changed(file, **changes), r"damaged header \(conversion: ")


def test_a_network_that_its_header_does_not_describe_is_refused(file: Path, tmp_path: Path) -> None:
    refuse(changed(file, weights=[8, 4, 2, 1], steps=15), r"cannot be converted \(conversion: got 4")
    refuse(changed(file, fold_batch_norm=True), "of another architecture")
    refuse(changed(file, name="rate", weights=[1] * 3, steps=3, thresholds="max"), "threshold.* does not fit")
    state = safetensors.torch.load_file(file)
    with safetensors.safe_open(file, "pt") as opened:
        header = opened.metadata()
    path = tmp_path / "other"
    name = next(name for name in state if name.endswith("weight"))
    safetensors.torch.save_file({k: v for k, v in state.items() if k != name}, path, header)
    refuse(path, f"it lacks {name.removeprefix('source.')}")
    safetensors.torch.save_file({**state, "more": torch.zeros(1)}, path, header)
    refuse(path, "more is unknown here")
    safetensors.torch.save_file({**state, name: state[name] * torch.nan}, path, header)
    refuse(path, "has NaN or infinite values")
    variance = next(name for name in state if name.endswith("running_var"))
    counted = next(name for name in state if name.endswith("num_batches_tracked"))
    for changes, expected in (
        ({name: state[name].half()}, "numbers are torch.float16, torch.float"),
        ({key: tensor.half() for key, tensor in state.items() if tensor.is_floating_point()}, "are torch.float16, exp"),
        ({name: state[name].to(torch.int32)}, "weight is torch.int32, not torch.float"),
        ({counted: state[counted].to(state[name].dtype)}, "num_batches_tracked is torch.float.*, not torch.int64"),
        ({variance: -state[variance]}, "running_var has a negative variance"),
    ):
        safetensors.torch.save_file({**state, **changes}, path, header)
        refuse(path, f"is damaged: .*{expected}")
    for missing in ("conversion", "config", "model"):
        kept = {key: value for key, value in header.items() if key != missing}
        safetensors.torch.save_file(state, path, kept)
        refuse(path, "damaged header")


def test_thresholds_that_no_calibration_finds_are_refused(model: nn.Module, tmp_path: Path) -> None:
    spiking = convert_rate(model, 3, thresholds="max", images=batch(model))
    path = save_spiking(spiking, tmp_path / "file")
    state = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, "pt") as opened:
        header = opened.metadata()
    name = next(name for name in state if name.startswith("threshold."))
    for wrong in (torch.tensor(-1.0), torch.tensor(torch.nan), torch.ones(3)):
        safetensors.torch.save_file({**state, name: wrong}, path, header)
        refuse(path, f"{name} is no positive number")
