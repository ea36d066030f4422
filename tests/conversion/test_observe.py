"""A network is compared as it runs: whatever calls its activations, wrapped or not, and nothing stays behind."""

from __future__ import annotations

import pytest
import torch
from convertible import draw_images, plain, randomise
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.conversion import SpikingNetwork, SpikingNeuron, convert, prepare, verify
from sqnn.core import ConfigError
from sqnn.neurons import QCFS


def images(count: int = 12) -> Tensor:
    return draw_images(count, 1, 4, 4, seed=5)


def layers_of(spiking: SpikingNetwork, kind: type[nn.Module]) -> list:
    return [layer for layer in spiking.spiking.modules() if isinstance(layer, kind)]


class Functions(nn.Module):
    """Activations of all spellings: modules, functions and methods, in place or not, assigned or not."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(3 if place else 1, 3, 3, padding=1) for place in range(6))
        self.relu, self.inplace = nn.ReLU(), nn.ReLU(inplace=True)
        self.head = nn.Linear(12, 4)

    def forward(self, images: Tensor) -> Tensor:
        first, second, third, fourth, fifth, sixth = self.convolutions
        values = F.relu(first(images))
        values = self.relu(second(values)).add(values)
        values = self.inplace(third(values))
        values = F.relu_(fourth(values))
        values = F.max_pool2d(fifth(values).relu_(), 2)
        values = F.gelu(sixth(values))
        return self.head(values.flatten(1))


def modules_alone() -> nn.Module:
    layers = [nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1, ceil_mode=True)]
    layers += [nn.Conv2d(3, 3, 3, padding=1), nn.PReLU(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(12, 5)]
    return nn.Sequential(*layers, nn.SELU(), nn.Linear(5, 4))


@pytest.mark.parametrize(("make", "rounded", "pools"), [(Functions, 6, 1), (modules_alone, 3, 2)])
@pytest.mark.parametrize("thresholds", ["layer", "channel"])
def test_the_original_compares_as_its_prepared_twin_does(make, rounded: int, pools: int, thresholds: str) -> None:
    model = randomise(make())
    prepared = prepare(model, 3, images=images(), thresholds=thresholds, pools="average").eval()
    spiking = convert(prepared)
    ours, theirs = verify(model, spiking, images()), verify(prepared, spiking, images())
    assert ours.exact
    assert theirs.exact
    layers_of(spiking, SpikingNeuron)[1].threshold.mul_(
        1.1
    )  # now the thresholds of the original are these, the twin keeps its own
    assert not verify(prepared, spiking, images()).exact
    layers_of(spiking, SpikingNeuron)[1].threshold.div_(1.1)
    layers_of(spiking, nn.Conv2d)[1].bias += 0.1
    ours, theirs = verify(model, spiking, images()), verify(prepared, spiking, images())
    assert ours.layers == theirs.layers
    assert ours.output_difference == pytest.approx(theirs.output_difference, rel=1e-12)
    assert ours.mismatches > 0
    words = "1 max pool" if pools == 1 else "2 max pools"
    assert ours.compared == f"the model itself with {rounded} of its activations rounded to levels, {words} averaged"
    assert theirs.compared == f"the model itself, {rounded} QCFS activations hooked"
    assert all(ours.compared in text for text in (repr(ours), ours._repr_html_(), ours.to_dict()["compared"]))


OTHERS = {"GLU", "MultiheadAttention", "Threshold"}
"""Modules of torch's list that take more than values, or halve the channels."""
KINDS = [getattr(nn, name) for name in nn.modules.activation.__all__ if "oftm" not in name and name not in OTHERS]


@pytest.mark.parametrize("kind", [*KINDS, lambda: nn.Hardtanh(0, 1), lambda: nn.Threshold(0, 0)])
def test_every_activation_that_prepare_replaces_is_seen_in_the_original(kind) -> None:
    model = randomise(nn.Sequential(nn.Linear(3, 6), kind(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)))
    spiking = convert(prepare(model, 3).eval())
    found = verify(model, spiking, draw_images(6, 3))
    assert found.exact
    # One that prepare keeps, such as a hard sigmoid, stays as it is.
    assert found.compared.startswith(f"the model itself with {len(spiking.sites)} of its activations rounded to levels")


def kept_thresholds(model: nn.Module, pools: str = "keep") -> nn.Module:
    prepared = prepare(model, 3, pools=pools).eval()
    prepared.load_state_dict(model.state_dict(), strict=False)
    return prepared


def test_activations_with_levels_and_without_stand_side_by_side() -> None:
    """The floor and the bounds within a QCFS are none of the model's activations, nor is the bound of a divisor."""
    layers = [nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 5), QCFS(3), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2)]
    model = randomise(nn.Sequential(*layers))
    spiking = convert(kept_thresholds(model))
    bounded = nn.Sequential(*layers[:3], Bounded(), *layers[3:])
    for network in (model, bounded):
        found = verify(network, spiking, draw_images(6, 3))
        assert found.exact
        assert (
            found.compared == "the model itself, 1 QCFS activation hooked, with 2 of its activations rounded to levels"
        )


class Bounded(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values / values.abs().clamp_min(1e-9) * values.abs().clamp(min=1e-9)


def test_max_pools_that_the_spiking_network_keeps_stay() -> None:
    model = randomise(nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 3, 1), QCFS(3), nn.Flatten(), nn.Linear(12, 4)))
    found = verify(model, convert(model), images())
    assert found.exact
    assert found.compared == "the model itself, 1 QCFS activation hooked"
    averaged = verify(model, convert(kept_thresholds(model, "average")), images())
    assert averaged.exact
    assert averaged.compared == "the model itself, 1 QCFS activation hooked, 1 max pool averaged"
    with pytest.raises(ConfigError, match="spiking: got '1 max pools', expected the model's 0, or none"):
        verify(nn.Sequential(nn.AvgPool2d(2), *list(model)[1:]), convert(model), images())


class EarlyExit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def features(self, images: Tensor) -> Tensor:
        return F.relu(self.first(images))

    def forward(self, images: Tensor, early: bool | None = None) -> Tensor:
        values = self.features(images)
        if early is not None:
            return self.head(values)
        return self.head(F.relu(self.second(values)))


class Exited(EarlyExit):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images, early=True)


class Doubled(EarlyExit):
    def features(self, images: Tensor) -> Tensor:
        return 2 * super().features(images)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


def test_a_conversion_of_another_branch_is_not_called_exact() -> None:
    # pytorch/pytorch #50178: tracing takes the branch of an argument that is left out
    model = randomise(EarlyExit())
    planted = []
    for kind in (Exited, Doubled):
        other = kind().double().eval()
        other.load_state_dict(model.state_dict())
        planted.append(convert(prepare(other, 4).eval()))
    with pytest.raises(ConfigError, match=r"\(1 in spiking, 2 in the model; .* fit is .*\.py:\d+: relu of"):
        verify(model, planted[0], draw_images(8, 4))
    found = verify(model, planted[1], draw_images(8, 4))
    assert not found.exact
    assert [layer.first > 0 for layer in found.layers] == [False, True]


class Unsteady(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.passes = kind, 0
        self.layers = nn.Sequential(nn.Linear(3, 4), QCFS(3), nn.Linear(4, 4))

    def forward(self, images: Tensor) -> Tensor:
        self.passes += 1
        values = self.layers(images)
        if self.kind == "random":
            return F.dropout(values, 0.5)
        if self.kind == "counting":
            return values + 0.1 * self.passes
        return self.layers(values[:, :3]) if self.passes == (2 if self.kind == "later" else 3) else values


@pytest.mark.parametrize(
    ("kind", "what"), [("random", "outputs"), ("counting", "outputs 0.1"), ("later", "other"), ("last", "other")]
)
def test_a_model_that_is_another_one_in_every_pass_is_refused(kind: str, what: str) -> None:
    model = randomise(Unsteady(kind))
    spiking = convert(randomise(Unsteady("none")).layers)
    spiking.sites = {node: f"layers.{path}" for node, path in spiking.sites.items()}
    torch.manual_seed(0)
    with pytest.raises(ConfigError, match=f"model: gives {what}.* when the same images pass again, .*; keep"):
        verify(model, spiking, draw_images(6, 3))


def hooks_of(model: nn.Module) -> list[int]:
    return [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]


def test_nothing_stays_behind() -> None:
    model = randomise(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 4), QCFS(3), nn.Dropout(), nn.Linear(4, 2)))
    spiking = convert(kept_thresholds(model))
    model.train()
    model[3].eval()
    seen: list[Tensor] = []
    model[2].register_forward_hook(lambda module, args, output: seen.append(output))
    modes, hooks, given = [module.training for module in model.modules()], hooks_of(model), draw_images(6, 3) - 0.5
    kept = given.clone()
    assert verify(model, spiking, given).exact
    assert torch.equal(given, kept)  # the first ReLU writes into what it receives
    assert seen
    failing = model[4].register_forward_pre_hook(lambda module, args: {}["missing"])
    with pytest.raises(ConfigError, match=r"model: does not run on 6 images \('missing'\)"):
        verify(model, spiking, given)
    failing.remove()
    assert ([module.training for module in model.modules()], hooks_of(model)) == (modes, hooks)
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.is_grad_enabled()


def test_a_hook_of_the_user_acts_after_the_activation_was_seen() -> None:
    # pytorch-grad-cam: features are taken, and changed, by hooks
    model = plain(3)
    spiking = convert(model)
    model[1].register_forward_hook(lambda module, args, output: 2 * output)
    found = verify(model, spiking, images())
    assert [layer.first > 0 for layer in found.layers] == [False, True, found.layers[2].first > 0]


def test_a_transformer_layer_shows_its_activation() -> None:
    """In evaluation torch computes it in one piece."""
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    model = randomise(nn.Sequential(layer, nn.Linear(4, 2)))
    spiking = convert(randomise(nn.Sequential(nn.Linear(4, 8), QCFS(3), nn.Linear(8, 2))))
    found = verify(model, spiking, draw_images(4, 2, 4))
    assert found.compared == "the model itself with 1 of its activations rounded to levels"
    assert not found.exact


@pytest.mark.parametrize("prepared", [False, True])
def test_wrapped_networks_run_as_they_are(prepared: bool) -> None:
    # kuangliu/pytorch-cifar wraps its networks in DataParallel
    original = randomise(modules_alone())
    twin = prepare(original, 3).eval()
    spiking, model = convert(twin), twin if prepared else original
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    expected = verify(model, spiking, images())
    for wrapped in (nn.DataParallel(model), torch.optim.swa_utils.AveragedModel(model), compiled):
        found = verify(wrapped, spiking, images())
        assert found.layers == expected.layers
        assert found.exact
        assert found.compared.removesuffix(", run without its compiler") == expected.compared
    assert found.compared.endswith("compiler")
    with pytest.warns(DeprecationWarning, match="jit"):
        scripted = torch.jit.trace(model, images())
    with pytest.raises(ConfigError, match=r"model: got \w+, a ScriptModule, .*; give the network that"):
        verify(scripted, spiking, images())


class Batched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), QCFS(3), nn.Linear(4, 4))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images) * (2 if len(images) > 4 else 1)


@pytest.mark.parametrize(("count", "exact"), [(2, True), (4, True), (5, False), (12, False)])
def test_batches_of_two_sizes_are_compared(count: int, exact: bool) -> None:
    model = randomise(Batched())
    spiking = convert(model.layers)
    spiking.sites = {node: f"layers.{path}" for node, path in spiking.sites.items()}
    found = verify(model, spiking, draw_images(count, 3))
    assert found.exact == exact
    assert found.bits == count * 4 * 3
    doubled = convert(model.layers)
    doubled.sites = spiking.sites
    for layer in doubled.spiking.modules():
        if isinstance(layer, nn.Linear) and layer.in_features == 4:
            layer.weight.mul_(2)
            layer.bias.mul_(2)
    assert not verify(model, doubled, draw_images(count, 3)).exact
