"""The proof is checked: damage is found, in the layer where it is, and every number is counted again by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from convertible import digits_by_hand, draw_images, levels_by_hand, plain, randomise
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.conversion import ConversionError, SpikingNetwork, SpikingNeuron, convert, prepare, verify
from sqnn.core import ConfigError
from sqnn.neurons import QCFS


def images(count: int = 12) -> Tensor:
    return draw_images(count, 1, 4, 4, seed=5)


def convolutions(spiking: SpikingNetwork) -> list[nn.Conv2d]:
    return [layer for layer in spiking.spiking.modules() if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_one_wrong_weight_is_found_in_its_layer(damaged: int) -> None:
    model = plain(4)
    spiking = convert(model)
    convolutions(spiking)[damaged].weight[0, 0, 1, 1] += 1.0
    found = verify(model, spiking, images())
    assert not found.exact
    assert [layer.mismatches > 0 for layer in found.layers] == [index >= damaged for index in range(3)]
    assert [layer.first > 0 for layer in found.layers].index(True) == damaged
    assert found.layers[damaged].first == found.layers[damaged].mismatches
    assert str(found).startswith("not exact: ")


def test_a_wrong_last_layer_shows_in_the_output_alone() -> None:
    model = plain(4)
    spiking = convert(model)
    (last,) = (layer for layer in spiking.spiking.modules() if isinstance(layer, nn.Linear))
    last.bias[2] += 100.0
    found = verify(model, spiking, images())
    assert found.mismatches == 0
    assert found.output_difference == pytest.approx(400, rel=1e-9)  # a fourth of the bias in every step
    assert found.changed == int((model(images()).argmax(1) != 2).sum()) > 0
    assert not found.exact


def test_whole_biases_on_every_step_are_found_behind_the_first_layer() -> None:
    model = plain(4)
    found = verify(model, convert(model, bias_shift=False), images())
    assert not found.exact
    assert found.layers[0].mismatches == 0
    assert found.layers[1].first > 0


def recount(model: nn.Sequential, spiking: SpikingNetwork, given: Tensor) -> list[dict[str, float]]:
    """Run the source layer by layer, write its levels in binary and compare digit by digit."""
    _, trains = spiking.record(given)
    clean, rows, values = np.ones(len(given), dtype=bool), [], given
    for name, layer in model.named_children():
        before, values = values, layer(values)
        if not isinstance(layer, QCFS):
            continue
        scale = layer.steps / layer.threshold.item()
        levels = levels_by_hand(before.detach().numpy(), layer.threshold.item(), layer.steps)
        wanted = digits_by_hand(levels, layer.timesteps)
        assert trains[name].shape == wanted.shape
        differs = trains[name].numpy() != wanted
        by_image = differs.swapaxes(0, 1).reshape(len(given), -1)
        first = by_image[clean].sum()
        edges = np.abs(before.detach().numpy() * scale + 0.5 - np.round(before.detach().numpy() * scale + 0.5))
        moved = differs.any(0) & clean[:, None, None, None]
        rows.append(
            {
                "neurons": levels[0].size,
                "bits": wanted.size,
                "mismatches": differs.sum(),
                "first": first,
                "edge": edges[moved].max() if moved.any() else 0.0,
                "spikes": trains[name].numpy().sum() / levels.size,
            }
        )
        clean &= ~by_image.any(1)
    return rows


@pytest.mark.parametrize("batch_size", [1, 5, 64])
@pytest.mark.parametrize("size", [0.0, 0.01, 0.3])
def test_every_number_is_the_recount(size: float, batch_size: int) -> None:
    model = plain(3)
    spiking = convert(model)
    convolutions(spiking)[1].weight[1] += size
    given = images()
    found = verify(model, spiking, given, batch_size=batch_size)
    expected = recount(model, spiking, given)
    for layer, row in zip(found.layers, expected, strict=True):
        assert {key: getattr(layer, key) for key in row} == pytest.approx(row, abs=1e-9)
    ours, theirs = spiking(given), model(given)
    assert found.output_difference == pytest.approx((ours - theirs).abs().max().item(), rel=1e-6, abs=1e-14)
    assert found.output_scale == pytest.approx(theirs.abs().max().item())
    assert found.changed == int((ours.argmax(1) != theirs.argmax(1)).sum())
    assert found.bits == sum(row["bits"] for row in expected)
    assert found.mismatches == sum(row["mismatches"] for row in expected)
    assert found.edge == pytest.approx(max(row["edge"] for row in expected), abs=1e-9)
    assert (found.mismatches > 0) == (size > 0)
    total = sum(row["spikes"] * row["neurons"] for row in expected) / sum(row["neurons"] for row in expected)
    assert found.to_dict()["spikes"] == pytest.approx(total)
    assert found.frame["mismatches"].sum() == found.mismatches


def test_rounding_moves_only_what_lies_on_an_edge() -> None:
    """An error of 1e-9 in a bias differs in no bit, or in one whose activation was that near to an edge."""
    model = randomise(nn.Sequential(nn.Linear(3, 4), QCFS(4), nn.Linear(4, 4), QCFS(4), nn.Linear(4, 2)))
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.copy_(model[1].threshold * (torch.arange(4) + 0.5) / 15)
    damaged = convert(model)
    layer = next(layer for layer in damaged.spiking.modules() if isinstance(layer, nn.Linear))
    layer.bias -= 1e-9
    found = verify(model, damaged, draw_images(2, 3))
    assert found.layers[0].first > 0
    assert found.layers[0].edge < 1e-7
    assert found.layers[0].neurons == 4


def test_fewer_planes_are_compared_with_the_first_planes() -> None:
    model = plain(4, hidden=1)
    given = images()
    found = verify(model, convert(model, planes=2), given)
    threshold = model[1].threshold.item()
    currents = model[0](given).detach().numpy()
    levels = levels_by_hand(currents, threshold, 15)
    nearest = np.clip(np.floor(currents * 15 / threshold / 4 + 0.5), 0, 3).astype(int)
    expected = (digits_by_hand(levels, 4)[:2] != digits_by_hand(nearest, 2)).sum()
    assert found.mismatches == expected > 0
    assert found.layers[0].bits == levels.size * 2


def test_logits_that_are_all_off_are_not_exact() -> None:
    """Neither a bit nor a prediction tells; the outputs do."""
    model = plain(4)
    spiking = convert(model)
    (last,) = (layer for layer in spiking.spiking.modules() if isinstance(layer, nn.Linear))
    last.bias += 1e-3
    found = verify(model, spiking, images())
    assert (found.mismatches, found.changed, found.exact) == (0, 0, False)


def test_a_nan_is_the_largest_difference() -> None:
    model = plain(2, hidden=1)
    spiking = convert(model)
    (last,) = (layer for layer in spiking.spiking.modules() if isinstance(layer, nn.Linear))
    last.bias[0] = float("nan")
    found = verify(model, spiking, images())
    assert np.isnan(found.output_difference)
    assert not found.exact


def test_one_number_an_image_has_no_other_choice() -> None:
    model = randomise(nn.Sequential(nn.Linear(3, 4), QCFS(3), nn.Linear(4, 1), nn.Flatten(0)))
    model[3] = nn.Unflatten(1, (1,))
    flat = randomise(nn.Sequential(nn.Linear(3, 4), QCFS(3), Sum()))
    for network in (model, flat):
        found = verify(network, convert(network), draw_images(6, 3))
        assert found.exact
        assert found.changed == 0


class Sum(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values.sum(1)


def test_mistakes_are_named() -> None:
    model = plain(3)
    spiking = convert(model)
    given = images()
    with pytest.raises(ConfigError, match=r"batch_size: got 0, expected a whole number of at least 1"):
        verify(model, spiking, given, batch_size=0)
    with pytest.raises(ConfigError, match=r"data: got list, expected images \[batch, ...\] or a part of a data set"):
        verify(model, spiking, [1.0])
    with pytest.raises(ConfigError, match=r"data: got shape \[0, .*\], expected at least one image"):
        verify(model, spiking, given[:0])
    with pytest.raises(ConfigError, match=r"spiking: got torch.float64, expected torch.float32 as the model has"):
        verify(plain(3).float(), spiking, given)
    with pytest.raises(ConfigError, match=r"spiking: got 'rate', expected a code of bit planes"):
        verify(model, convert(model, plane_weights=False), given)
    with pytest.raises(ConfigError, match=r"spiking: got 3, expected a conversion of the model's 2 bits"):
        verify(plain(2), spiking, given)
    with pytest.raises(ConfigError, match=r"spiking: got '\w+', expected what convert made of the model"):
        verify(spiking, model, given)
    with pytest.raises(ConfigError, match=r"model: got 'str', expected the source network"):
        verify("model", spiking, given)
    with pytest.raises(ConfigError, match=r"spiking: has other activations than model; convert the model"):
        verify(plain(3, hidden=2), spiking, given)


def neurons(spiking: SpikingNetwork) -> list[SpikingNeuron]:
    return [layer for layer in spiking.spiking.modules() if isinstance(layer, SpikingNeuron)]


def wrong_threshold(spiking: SpikingNetwork) -> None:
    neurons(spiking)[1].threshold[2] *= 1.01


def wrong_bias(spiking: SpikingNetwork) -> None:
    convolutions(spiking)[1].bias[0] += 0.1


def wrong_order(spiking: SpikingNetwork) -> None:
    second, third = convolutions(spiking)[1:]
    for theirs, ours in ((second.weight, third.weight), (second.bias, third.bias)):
        kept = theirs.clone()
        theirs.copy_(ours)
        ours.copy_(kept)


def by_channel() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs in (1, 3, 3):
        layers += [nn.Conv2d(inputs, 3, 3, padding=1), QCFS(4, channels=3)]
    return randomise(nn.Sequential(*layers, nn.Flatten(), nn.Linear(48, 4)), seed=3)


@pytest.mark.parametrize("damage", [wrong_threshold, wrong_bias, wrong_order])
def test_damage_shows_first_in_its_layer(damage: Callable[[SpikingNetwork], None]) -> None:
    model = by_channel()
    spiking = convert(model)
    assert verify(model, spiking, images()).exact
    damage(spiking)
    found = verify(model, spiking, images())
    assert not found.exact
    assert [layer.mismatches > 0 for layer in found.layers] == [False, True, True]
    assert found.layers[1].first == found.layers[1].mismatches


def test_a_model_that_changed_after_its_conversion_is_found() -> None:
    model = plain(4)
    spiking = convert(model)
    with torch.no_grad():
        model[2].weight[0] += 0.5
    found = verify(model, spiking, images())
    assert [layer.first > 0 for layer in found.layers][:2] == [False, True]


def test_a_model_that_leaves_an_activation_out_is_another_network() -> None:
    model = plain(3)
    spiking = convert(model)
    model[1].forward = lambda values: values  # it is no level, and still passes the hook
    assert not verify(model, spiking, images()).exact
    with pytest.raises(ConfigError, match=r"\(3 in spiking, 2 in the model; .* fit is 5 of spiking\)"):
        verify(nn.Sequential(*(layer for place, layer in enumerate(model) if place != 5)), spiking, images())
    longer = nn.Sequential(*list(model)[:6], nn.ReLU(), *list(model)[6:7], nn.Softplus(), *list(model)[7:])
    assert not verify(longer, spiking, images()).exact


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
    prepared = prepare(model, 3, images=images(), thresholds=thresholds).eval()
    spiking = convert(prepared)
    ours, theirs = verify(model, spiking, images()), verify(prepared, spiking, images())
    assert ours.exact
    assert theirs.exact
    neurons(spiking)[1].threshold.mul_(1.1)  # now the thresholds of the original are these, the twin keeps its own
    assert not verify(prepared, spiking, images()).exact
    neurons(spiking)[1].threshold.div_(1.1)
    convolutions(spiking)[1].bias += 0.1
    ours, theirs = verify(model, spiking, images()), verify(prepared, spiking, images())
    assert ours.layers == theirs.layers
    assert ours.output_difference == pytest.approx(theirs.output_difference, rel=1e-12)
    assert ours.mismatches > 0
    words = "1 max pool" if pools == 1 else "2 max pools"
    assert ours.compared == f"the model itself with {rounded} of its activations rounded to levels, {words} averaged"
    assert theirs.compared == f"the model itself, {rounded} QCFS activations hooked"
    assert all(ours.compared in text for text in (repr(ours), ours._repr_html_(), ours.to_dict()["compared"]))


KINDS = [getattr(nn, name) for name in nn.modules.activation.__all__ if "oftm" not in name]


@pytest.mark.parametrize("kind", [*KINDS, lambda: nn.Hardtanh(0, 1), lambda: nn.Threshold(0, 0)])
def test_every_activation_that_prepare_replaces_is_seen_in_the_original(kind) -> None:
    try:
        layer = kind()
        model = randomise(nn.Sequential(nn.Linear(3, 6), layer, nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)))
        prepared = prepare(model, 3).eval()
    except (TypeError, ConversionError):
        pytest.skip("takes more than values, or is no activation of neurons")
    spiking = convert(prepared)
    found = verify(model, spiking, draw_images(6, 3))
    assert found.exact
    # One that prepare keeps, such as a hard sigmoid, stays as it is.
    assert found.compared.startswith(f"the model itself with {len(spiking.sites)} of its activations rounded to levels")


def kept_thresholds(model: nn.Module) -> nn.Module:
    prepared = prepare(model, 3).eval()
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
    averaged = verify(model, convert(kept_thresholds(model)), images())
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
    with pytest.raises(KeyError, match="missing"):
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


@pytest.mark.parametrize(("count", "exact"), [(4, True), (5, True), (6, True), (12, False)])
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
