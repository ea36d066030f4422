"""Networks that a trace is apt to get wrong: each is refused in plain words, or exact beside its own code."""

from __future__ import annotations

import random
import re

import planted_code
import planted_inplace
import planted_parts
import planted_passes
import planted_shapes
import pytest
import torch
from planted import (
    BITS,
    Ordinary,
    OrdinaryFeatures,
    OtherActivationsError,
    Planted,
    Verdict,
    distance,
    example_images,
    oracle,
    other_images,
    planted_in,
)
from torch import Tensor, nn

from sqnn.conversion import SpikingNetwork, Verification, convert, prepare, verify
from sqnn.core import ConfigError

FILES = (planted_code, planted_inplace, planted_parts, planted_passes, planted_shapes)
PLANTED = [one for file in FILES for one in planted_in(file)]
CASES = [pytest.param(one, id=f"{one.name} ({one.verdict.value})".replace(" ", "-")) for one in PLANTED]


def test_there_are_many_and_each_has_its_own_name() -> None:
    assert len({one.name for one in PLANTED}) == len(PLANTED) >= 60
    assert {one.verdict for one in PLANTED} == set(Verdict)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Let the networks that draw random numbers draw the same in every run."""
    random.seed(0)
    torch.random.default_generator.manual_seed(0)


def assert_plain(error: ConfigError, model: nn.Module) -> None:
    """Each line names a place, by the file and its line or the path of a module, and says what is expected there."""
    paths = "|".join(re.escape(path) for path, _ in model.named_modules() if path)
    # What no call of torch shows, such as Python's random numbers, is told of the whole network.
    of_all = "gives other values from pass|draws random|changes|computes something else than its copy|has a copy of"
    whole = rf"model: (has no (\w+ )?activation|{type(model).__name__} ({of_all}))"
    place = re.compile(rf"planted\w*\.py:\d+|^({paths})\b|^{whole}")
    for line in str(error).splitlines():
        assert place.search(line), f"names no place: {line}"
        assert re.search(r"; \w+|expected \w+", line), f"names no mend: {line}"


def state_of(model: nn.Module) -> dict[str, object]:
    """What a user would find changed: tensors, mode and hooks of a network."""
    modules = dict(model.named_modules())
    hooks = {path: (len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for path, m in modules.items()}
    return {**hooks, **{name: tensor.clone() for name, tensor in model.state_dict().items()}}


def assert_same_state(now: dict[str, object], before: dict[str, object]) -> None:
    assert now.keys() == before.keys()
    for name, value in before.items():
        same = torch.equal(now[name], value) if isinstance(value, Tensor) else now[name] == value
        assert same, f"{name} was changed"


def converted(model: nn.Module, images: Tensor) -> tuple[nn.Module, SpikingNetwork] | ConfigError:
    try:
        prepared = prepare(model, BITS, images=images.clone()).eval()
        return prepared, convert(prepared, images=images.clone())
    except ConfigError as error:
        return error


@pytest.mark.parametrize("one", CASES)
def test_refused_or_exact(one: Planted) -> None:
    model = one.make()
    before = state_of(model)
    result = converted(model, example_images())
    assert_same_state(state_of(model), before)
    if isinstance(result, ConfigError):
        assert one.verdict is not Verdict.EXACT, f"refused: {result}"
        assert_plain(result, model)
        return
    prepared, spiking = result
    model.eval()
    differences = [wrong_by(model, spiking, images) for images in other_images()]
    said = proofs([model, prepared] if one.verdict is Verdict.EXACT else [model], spiking)
    assert "exact" not in said or differences[-1] <= one.tolerance, f"called exact, wrong by {differences}"
    assert max(differences) <= one.tolerance, f"wrong by {differences}; the proof says {said}"
    assert one.verdict is not Verdict.REFUSED, f"was converted; the proof says {said}"
    if one.verdict is Verdict.EXACT:
        assert said == ["exact", "exact"]


MIXING = [
    one
    for one in planted_shapes.MIXED_MAPS + planted_shapes.MIXED_FEATURES
    if re.match("batch (flip|roll)|all rolled|sum up|largest so far|(softmax|sorted|normalised) over|padded", one.name)
    or re.match("softmax|Softmax|similarity|attention|ranks|layer norm", one.name)
]


@pytest.mark.parametrize("one", MIXING, ids=[one.name for one in MIXING])
@pytest.mark.parametrize("images", ["all alike", "nothing fires"])
def test_images_that_do_not_show_that_they_are_mixed(one: Planted, images: str) -> None:
    """Whatever is turned, sorted or normalised over a batch of one image, taken again and again, or of zeros."""
    model, example = one.make(), example_images()
    given = example[:1] if images == "all alike" else 0 * example
    model.first.bias.data -= 2 if images == "nothing fires" else 0
    result = converted(model, given)
    assert isinstance(result, ConfigError)
    assert_plain(result, model)


@pytest.fixture(scope="module")
def sound() -> dict[type[nn.Module], SpikingNetwork]:
    """Spiking networks of the ordinary ones, which the proof takes for exact."""
    kinds = {}
    for kind in (Ordinary, OrdinaryFeatures):
        model = Planted(kind.__name__, Verdict.EXACT, kind).make()
        prepared, kinds[kind] = converted(model, example_images())
        assert proofs([model, prepared], kinds[kind]) == ["exact", "exact"]
    return kinds


@pytest.mark.parametrize("one", [case for case in CASES if case.values[0].verdict is not Verdict.EITHER])
def test_the_proof_runs_the_network_that_is_given(one: Planted, sound: dict[type[nn.Module], SpikingNetwork]) -> None:
    """As if a trace had missed the fault: the proof is of the faulty network and a conversion of the ordinary one."""
    spiking, images = sound[one.sound], example_images().flip(0, 2)
    wrong = wrong_by(one.make().eval(), spiking, images)
    report = checked(one.make().eval(), spiking, images)
    is_exact = isinstance(report, Verification) and report.exact
    assert not is_exact or wrong <= 1e-9, f"called exact, wrong by {wrong}"
    # A network that answers otherwise at its next call may be right once.
    assert is_exact or wrong > 1e-9 or one.verdict is not Verdict.EXACT, f"is right, but: {report}"


CHANGES = {
    "weight": lambda net: net.second.weight.data.mul_(1.5),
    "bias of the last layer": lambda net: net.last.bias.data.add_(1e-3),
    "statistics": lambda net: net.norm.running_mean.add_(0.5),
    "attribute": lambda net: setattr(net, "mixing", True),
    "hook": lambda net: net.first.register_forward_hook(lambda layer, given, output: output * 2),
    "hook on an activation": lambda net: net.relu.register_forward_hook(lambda layer, given, output: output + 0.1),
    "layer": lambda net: setattr(net, "second", nn.Conv2d(4, 4, 3, padding=1).double()),
    "activation": lambda net: setattr(net, "relu", nn.Identity()),
    "forward": lambda net: setattr(net, "begin", lambda x: net.relu(net.first(-x))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_network_that_changed_after_its_conversion_is_not_exact(change) -> None:
    model = planted_code.settings_of_many_kinds.make()
    prepared, spiking = converted(model, example_images())
    change(model)
    of_the_model, of_the_prepared = proofs([model, prepared], spiking)
    assert of_the_model != "exact"
    assert of_the_prepared == "exact"


def test_settings_outside_of_the_network_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = planted_code.settings_of_many_kinds.make()
    _, spiking = converted(model, example_images())
    assert proofs([model], spiking) == ["exact"]
    monkeypatch.setattr(planted_code.WORLD, "wide", False)
    assert proofs([model], spiking) != ["exact"]
    monkeypatch.undo()
    monkeypatch.setenv("HALF_OF_A_PLANTED_NETWORK", "1")
    assert proofs([model], spiking) != ["exact"]


def wrong_by(model: nn.Module, spiking: SpikingNetwork, images: Tensor) -> float:
    try:
        return distance(spiking(images.clone()), oracle(model, spiking.thresholds.values(), images))
    except OtherActivationsError:
        return float("inf")


def checked(model: nn.Module, spiking: SpikingNetwork, images: Tensor) -> Verification | ConfigError:
    try:
        return verify(model, spiking, images.clone())
    except ConfigError as error:
        return error


def proofs(networks: list[nn.Module], spiking: SpikingNetwork) -> list[str]:
    """What the proof says of each of the networks and a spiking one."""
    reports = [checked(network, spiking, other_images()[-1]) for network in networks]
    return ["exact" if isinstance(report, Verification) and report.exact else str(report) for report in reports]
