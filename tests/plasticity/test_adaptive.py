"""Adaptive STDP: each coupling is the update that is stated, on networks that stay as they are, resumed or not."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from runs import assert_same, killed
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

import sqnn
from sqnn.core import ConfigError
from sqnn.neurons import LIF
from sqnn.plasticity import AdaptiveSTDP, RunawayError, sites
from sqnn.plasticity.updates import AdaptiveUpdates

TIMESTEPS = 4
RATE = 0.05
LABELS = torch.arange(16) % 5


class Perceptron(nn.Module):
    """Pixels that are on from a step on, into two layers of neurons; logits are counts of spikes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.fired = nn.Linear(9, 12), LIF(0.9)
        self.second, self.answer = nn.Linear(12, 5, bias=False), LIF(0.8)

    def forward(self, images: Tensor) -> Tensor:
        trains = (images.flatten(1) > torch.linspace(0.2, 0.8, TIMESTEPS)[:, None, None]).to(images.dtype)
        return self.answer(self.second(self.fired(self.first(trains)))).sum(0)


class Convolutional(nn.Module):
    """The same with a convolution and a norm, which see the steps as one batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.fired = nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), LIF(0.9)
        self.second, self.answer = nn.Linear(12, 5, bias=False), LIF(0.8)

    def forward(self, images: Tensor) -> Tensor:
        trains = (images > torch.linspace(0.2, 0.8, TIMESTEPS)[:, None, None, None, None]).to(images.dtype)
        currents = self.norm(self.first(trains.flatten(0, 1))).unflatten(0, (TIMESTEPS, -1))
        return self.answer(self.second(self.fired(currents).flatten(2))).sum(0)


class Stepwise(Perceptron):
    """The same step by step, with a neuron of snnTorch, which returns spikes and membrane."""

    def __init__(self) -> None:
        super().__init__()
        import snntorch

        self.fired = snntorch.Leaky(0.9, reset_delay=False)

    def forward(self, images: Tensor) -> Tensor:
        trains = (images.flatten(1) > torch.linspace(0.2, 0.8, TIMESTEPS)[:, None, None]).to(images.dtype)
        membrane, hidden = self.fired.reset_mem(), []
        for step in trains:
            spikes, membrane = self.fired(self.first(step), membrane)
            hidden.append(spikes)
        return self.answer(self.second(torch.stack(hidden))).sum(0)


def network(kind: Callable[[], nn.Module] = Perceptron) -> nn.Module:
    """A network with weights of a fixed seed, half of whose neurons or so fire; in double where its neurons can."""
    model, generator = kind().to(torch.float32 if kind is Stepwise else torch.float64), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.6 * torch.randn(weight.shape, generator=generator))
    return model


def loss(model: nn.Module, batch: int) -> Tensor:
    """The loss of a batch of random images, after which the network remembers none."""
    generator = torch.Generator().manual_seed(batch)
    images = torch.rand(len(LABELS), 1, 3, 3, generator=generator).to(model.second.weight.dtype)
    return F.cross_entropy(model(images), LABELS)


def close(given: Tensor, wanted: Tensor) -> None:
    """Equal to the rounding of sums of a few hundred numbers."""
    double = given.dtype == torch.float64
    assert_close(given, wanted.to(given.dtype), atol=1e-14 if double else 1e-7, rtol=1e-10 if double else 1e-4)


class Loop:
    """The hooks of a training loop, without the loop: plain steps of gradient descent."""

    def __init__(self, model: nn.Module, rule: AdaptiveSTDP, epoch: int = 0) -> None:
        self.model, self.updates = model, AdaptiveUpdates(rule)
        self.trainer, self.module = SimpleNamespace(current_epoch=epoch), SimpleNamespace(model=model, log=self.log)
        self.optimizer = torch.optim.SGD(model.parameters(), RATE)
        self.rates: list[float] = []
        self.updates.on_fit_start(self.trainer, self.module)
        self.updates.on_train_epoch_start(self.trainer, self.module)

    def log(self, name: str, value: float, **options: object) -> None:
        assert name == "train_rate"
        self.rates.append(value)

    def step(self, batch: int = 0) -> Tensor:
        """Train on a batch; return the change of the first layer's weights."""
        before = self.model.first.weight.detach().clone()
        self.updates.on_train_batch_start(self.trainer, self.module, None, batch)
        self.optimizer.zero_grad()
        loss(self.model, batch).backward()
        self.updates.on_before_optimizer_step(self.trainer, self.module, self.optimizer)
        self.optimizer.step()
        self.updates.on_train_batch_end(self.trainer, self.module, None, None, batch)
        return self.model.first.weight.detach() - before


class Seen:
    """Gradient, spikes and currents' gradient of a batch, by hooks of the test's own.

    `pre` are [time, batch, inputs, positions], `post` and `error` [time, batch, neurons, positions].
    """

    def __init__(self, model: nn.Module, batch: int = 0) -> None:
        inputs, outputs, currents = [], [], []

        def fired(module: nn.Module, given: tuple[Tensor, ...], output: Tensor | tuple[Tensor, ...]) -> None:
            given[0].retain_grad()
            currents.append(given[0])
            outputs.append(output if isinstance(output, Tensor) else output[0])

        hooks = [
            model.first.register_forward_hook(lambda module, given, output: inputs.append(given[0])),
            model.fired.register_forward_hook(fired),
        ]
        model.zero_grad()
        loss(model, batch).backward()
        for hook in hooks:
            hook.remove()
        self.gradient = model.first.weight.grad.clone()
        arrived = torch.cat([part.flatten(0, -2 if part.ndim < 4 else -4) for part in inputs])
        if arrived.ndim == 4:
            arrived = F.unfold(arrived, 2)
        self.pre = arrived.view(TIMESTEPS, len(LABELS), arrived.shape[1], -1)
        shape = (TIMESTEPS, len(LABELS), len(self.gradient), -1)
        self.post = torch.stack(outputs).reshape(shape).detach()
        self.error = torch.stack([current.grad for current in currents]).reshape(shape)

    def local(self, a_plus: float, a_minus: float, decay: float) -> Tensor:
        """The mean over batch and time of the pair rule, pair by pair, shaped as the weights."""
        change = torch.zeros(self.post.shape[2], self.pre.shape[2], dtype=self.pre.dtype)
        for later in range(TIMESTEPS):
            for earlier in range(later + 1):
                kept = decay ** (later - earlier)
                change += a_plus * kept * torch.einsum("bjl,bil->ji", self.post[later], self.pre[earlier])
                if earlier < later:
                    change -= a_minus * kept * torch.einsum("bil,bjl->ji", self.pre[later], self.post[earlier])
        return (change / (TIMESTEPS * len(LABELS))).view_as(self.gradient)


KINDS = [Perceptron, Convolutional, Stepwise]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coupling", ["beside", "through", "literal"])
def test_a_step_is_the_stated_one(coupling: str, kind: type[nn.Module]) -> None:
    model, epoch = network(kind), 4
    seen = Seen(model)
    size = {"eta1": 0.3} if coupling == "literal" else {"rho": 0.5}
    options = {"a_plus": 0.4, "a_minus": 0.7, "decay_plus": 0.6, "decay_minus": 0.6, **size}
    moved = Loop(model, AdaptiveSTDP(layers=("first",), coupling=coupling, **options), epoch).step()
    local, fall = seen.local(0.4, 0.7, 0.6), 1 / (1 + math.log(1 + epoch))
    step = -RATE * seen.gradient
    share = fall * (0.3 if coupling == "literal" else 0.5 * step.norm() / local.norm())
    assert min(local.norm(), step.norm()) > 1e-4
    close(moved, step + share * local)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_and_local_update_are_one_product_between_measurements(kind: type[nn.Module]) -> None:
    model = network(kind)
    loop = Loop(model, AdaptiveSTDP(layers=("first",), coupling="through", rho=0.5))
    first = Seen(model)
    ratio = first.gradient.norm() / first.local(0, 1, 0.9).norm()
    loop.step()
    second = Seen(model, 1)
    moved = loop.step(1)
    close(moved, -RATE * (second.gradient - 0.5 * ratio * second.local(0, 1, 0.9)))


@pytest.mark.parametrize("modulation", ["follow", "protect"])
@pytest.mark.parametrize("kind", KINDS)
def test_coefficients_follow_the_gradient_that_reaches_each_neuron(modulation: str, kind: type[nn.Module]) -> None:
    model = network(kind)
    loop = Loop(model, AdaptiveSTDP(layers=("first",), modulation=modulation, rho=0.2))
    reached = Seen(model).error.sum((0, 3)).abs().mean(0)
    share = reached / reached.mean()
    coefficients = 0.95 + 0.05 * (share if modulation == "follow" else 2 / (1 + share))
    loop.step()
    second = Seen(model, 1)
    local = coefficients.view(-1, *(1 for _ in second.gradient.shape[1:])) * second.local(0, 1, 0.9)
    step = -RATE * second.gradient
    assert float(share.max() - share.min()) > 0.1
    close(loop.step(1), step + 0.2 * step.norm() / local.norm() * local)


def test_depression_lowers_the_firing_and_potentiation_raises_it() -> None:
    rates = {}
    for name, options in {"none": {"rho": 0}, "down": {"rho": 1}, "up": {"rho": 1, "a_plus": 1, "a_minus": 0}}.items():
        loop = Loop(network(), AdaptiveSTDP(layers=("first",), largest_rate=1, **options))
        for batch in range(40):
            loop.step(batch)
        rates[name] = loop.rates[-1]
    assert rates["down"] < rates["none"] < rates["up"]


@pytest.mark.parametrize("coupling", ["beside", "through", "literal"])
def test_bounds_clip_the_weights_after_every_batch(coupling: str) -> None:
    model, free = network(), network()
    options = {"layers": ("first",), "coupling": coupling, "heterosynaptic": 0.5}
    loop = Loop(model, AdaptiveSTDP(weight_min=-0.3, weight_max=0.4, **options))
    loose = Loop(free, AdaptiveSTDP(**options))
    loop.step()
    loose.step()
    assert float(free.first.weight.detach().min()) < -0.3
    assert float(free.first.weight.detach().max()) > 0.4
    assert torch.equal(model.first.weight, free.first.weight.clamp(-0.3, 0.4))


def test_a_batch_without_a_step_of_the_optimiser_leaves_the_weights_alone() -> None:
    """As where gradients of several batches are added up: the size of a step is unknown before it is made."""
    model = network()
    loop, before = Loop(model, AdaptiveSTDP(layers=("first",))), model.first.weight.detach().clone()
    loop.updates.on_train_batch_start(loop.trainer, loop.module, None, 0)
    loss(model, 0).backward()
    loop.updates.on_train_batch_end(loop.trainer, loop.module, None, None, 0)
    assert torch.equal(model.first.weight, before)
    assert len(loop.rates) == 1


class OwnRule(AdaptiveSTDP):
    """A rule that no run rebuilds."""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": object()}, r"rule: got <object .*>, expected a learning rule, such as AdaptiveSTDP\(\), or its name"),
        (
            {"rule": "hybird"},
            "rule: got 'hybird', expected one of backprop, hybrid, stdp, r-stdp; did you mean 'hybrid'",
        ),
        ({"rule": "stdp"}, "rule: got 'stdp', which is of the network snn-wta"),
        (
            {"rule": OwnRule()},
            r"rule: got OwnRule\(.*\), expected one that a run rebuilds by its name, hybrid",
        ),
        (
            {"rule": "hybrid", "trainer": {"accelerator": "cpu", "devices": 2}},
            "devices: got 2, expected 1 where a rule changes weights",
        ),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_before_anything_is_written(digits, tmp_path, options, message) -> None:
    model = sqnn.create_model("snn-mlp", digits, hidden=(5,), timesteps=2)
    with pytest.raises(ConfigError, match=message):
        sqnn.fit(model, digits, epochs=1, out=tmp_path / "run", progress=False, **options)
    assert not (tmp_path / "run").exists()


def hooks(model: nn.Module) -> int:
    return sum(
        len(part._forward_hooks) + len(part._forward_pre_hooks) + ("forward" in vars(part)) for part in model.modules()
    )


@pytest.mark.parametrize("coupling", ["beside", "through"])
def test_a_runaway_stops_in_words_and_leaves_nothing_behind(digits, tmp_path, coupling: str) -> None:
    model = sqnn.create_model("snn-mlp", digits, hidden=(20,), timesteps=5, seed=1)
    rule = AdaptiveSTDP.hebbian(coupling=coupling, rho=30.0, largest_rate=0.3)
    with pytest.raises(
        RunawayError, match=r"runaway: the neurons after hidden\.0\.linear fire 0\.\d+ spikes per step, above "
    ) as told:
        sqnn.fit(model, digits, epochs=30, batch_size=8, rule=rule, out=tmp_path / "run", progress=False)
    assert hooks(model) == 0
    assert not hasattr(told.value, "__notes__"), "it would come again"


def test_a_resumed_run_ends_as_the_undisturbed_one(digits, tmp_path) -> None:
    model = sqnn.create_model("snn-mlp", digits, hidden=(20,), timesteps=5, seed=1)
    rule = AdaptiveSTDP(coupling="through", modulation="protect")
    run = sqnn.fit(model, digits, epochs=3, batch_size=16, seed=1, rule=rule, out=tmp_path / "run", progress=False)
    assert run.history["train_rate"].between(0, 1).all()
    assert_same(sqnn.resume(killed(run, tmp_path / "killed"), digits, progress=False), run)
    stopped = tmp_path / "stopped"
    model = sqnn.create_model("snn-mlp", digits, hidden=(20,), timesteps=5, seed=1)
    with pytest.raises(KeyboardInterrupt):
        sqnn.fit(
            model, digits, epochs=3, batch_size=16, seed=1, rule=rule, out=stopped, progress=False, callbacks=[Stop()]
        )
    with pytest.warns(UserWarning, match="began with Stop"):
        again = sqnn.resume(stopped, digits, progress=False)
    assert_same(again, run)


class Stop(pl.Callback):
    """Ctrl-C in the middle of the second epoch."""

    def on_train_batch_end(self, trainer: pl.Trainer, *rest: object) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


def test_layers_are_found_by_their_paths() -> None:
    model = sqnn.create_model("sqdr-cnn")
    blocks = [f"frontend.blocks.{number}.conv" for number in range(3)]
    assert [site.path for site in sites(model)] == blocks
    assert [site.path for site in sites(model, ["frontend.blocks.1"])] == blocks[1:2]
    assert [site.path for site in AdaptiveSTDP().sites(sqnn.create_model("snn-mlp"))] == ["hidden.0.linear"]
    with pytest.raises(ConfigError, match=r"layers: got 'front', expected one of frontend\.blocks\.0\.conv"):
        sites(model, ["front"])
    with pytest.raises(ConfigError, match=r"layers: got frontend\.linear, expected a path to a linear or conv"):
        sites(model, ["frontend.linear"])
    with pytest.raises(ConfigError, match="layers: Linear has no spiking layer, which is a linear or convolutional"):
        sites(nn.Linear(2, 2))
    with pytest.raises(ConfigError, match="rule: Linear has no spiking layer"):
        AdaptiveSTDP().check(nn.Linear(2, 2))


def test_through_is_refused_where_the_rule_is_no_single_product() -> None:
    with pytest.raises(ConfigError, match="dependence: got 'soft', expected 'additive'"):
        AdaptiveSTDP(coupling="through", dependence="soft", weight_min=-1.0, weight_max=1.0)


@pytest.mark.parametrize("coupling", ["beside", "through"])
def test_spikes_that_are_fed_back_are_paired_one_step_later(coupling: str) -> None:
    model = sqnn.create_model("snn-mlp", hidden=(6,), timesteps=TIMESTEPS, image_size=(3, 3), recurrent=True).double()
    weight, generator = model.hidden[0].recurrent.weight, torch.Generator().manual_seed(2)
    with torch.no_grad():
        for each in model.hidden.parameters():
            each.copy_(0.6 * torch.randn(each.shape, generator=generator))
    rule = AdaptiveSTDP(layers=("hidden.0.recurrent",), coupling=coupling, a_plus=0.5, rho=0.4)
    fired = []
    handle = model.hidden[0].neuron.register_forward_hook(
        lambda module, given, output: fired.append(output[0].detach())
    )
    moves, gradients = [], []
    updates = AdaptiveUpdates(rule)
    trainer, module = SimpleNamespace(current_epoch=0), SimpleNamespace(model=model, log=lambda *a, **b: None)
    updates.on_fit_start(trainer, module)
    optimizer = torch.optim.SGD(model.parameters(), RATE)
    for batch in range(2):
        before = weight.detach().clone()
        images = torch.rand(8, 1, 3, 3, generator=torch.Generator().manual_seed(batch), dtype=torch.float64)
        loss = model.learn(images, torch.arange(8), torch.Generator().manual_seed(batch))[1]
        gradients.append(torch.autograd.grad(loss, weight)[0])
        updates.on_train_batch_start(trainer, module, None, batch)
        optimizer.zero_grad()
        model.learn(images, torch.arange(8), torch.Generator().manual_seed(batch))[1].backward()
        updates.on_before_optimizer_step(trainer, module, optimizer)
        optimizer.step()
        updates.on_train_batch_end(trainer, module, None, None, batch)
        moves.append(weight.detach() - before)
    handle.remove()
    ratio = None
    for batch, move in enumerate(moves):
        post = fired[2 * batch]
        pre = torch.cat([torch.zeros_like(post[:1]), post[:-1]])
        change = torch.zeros_like(weight)
        for later in range(TIMESTEPS):
            for earlier in range(later + 1):
                kept = 0.9 ** (later - earlier)
                change += 0.5 * kept * post[later].T @ pre[earlier]
                if earlier < later:
                    change -= kept * post[earlier].T @ pre[later]
        step = -RATE * gradients[batch]
        if ratio is None or coupling == "beside":
            ratio = step.norm() / change.norm()
        assert change.norm() > 0
        assert_close(move, (step + 0.4 * ratio * change).detach(), atol=1e-13, rtol=1e-9)
