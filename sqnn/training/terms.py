"""Loss terms added to cross-entropy: their contract, and the penalties on spikes."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import Field, dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from noise_models import Choices
from sqnn.conversion import digits, levels_of
from sqnn.core import Config, ConfigError, brief, option, require
from sqnn.models import MODELS
from sqnn.neurons import QCFS
from sqnn.plasticity import sites


@dataclass(frozen=True)
class LossTerm(Config, abc.ABC):
    """A loss that training adds to cross-entropy: `weight` times a quantity of each forward pass, in nats.

    A subclass is a frozen dataclass whose fields are its options, plain values with which a run stores it under `name`.
    `curve` is the column of the run's history that holds the quantity, without the weight, as a mean over each epoch.
    """

    name: ClassVar[str]
    curve: ClassVar[str]

    weight: float = option(1.0, "weight of the term, in nats per unit of its quantity", least=0)

    @abc.abstractmethod
    def check(self, model: nn.Module) -> None:
        """Raise ConfigError where the network has nothing that the term measures."""

    @abc.abstractmethod
    def attach(self, model: nn.Module) -> AbstractContextManager[Callable[[], Tensor]]:
        """Measure the forward passes of `model` within a block.

        The function that the block is given returns the quantity of all of them, a scalar tensor with its gradient,
        within the block and after it. No hook outlives the block, not even after an error.
        """


@dataclass(frozen=True)
class BitPenalty(LossTerm):
    """A price on the spikes that a network's QCFS activations will become, with a gradient that lowers them.

    The quantity is the mean number of ones among the T bits of an activation, averaged over all activations of the
    batch: spikes per neuron and image, between 0 and T. A bit has no gradient; it gets the slope of the straight line
    from level 0, which has no ones, to level Q, which has T: each bit 1 / lambda where 0 < a < lambda and 0 elsewhere.
    The gradient goes straight to what the activations receive, and so to no threshold of theirs.

    Source: Datta et al., "When SNN meets ANN", section 5.2, equations 11 and 12, whose slope is 1 instead of 1 / lambda
    and whose sum is not divided by the number of activations.
    """

    name: ClassVar[str] = "bit-penalty"
    curve: ClassVar[str] = "train_spikes"

    weight: float = option(
        1.0, "weight of the penalty on spikes of qcfs activations, in nats per spike and neuron", least=0
    )

    def check(self, model: nn.Module) -> None:
        """Raise ConfigError where the network has no QCFS."""
        if not any(isinstance(module, QCFS) for module in model.modules()):
            names = [
                name
                for name, network in MODELS.items()
                if any(field.name == "activation" for field in fields(network.config_class))
            ]
            raise ConfigError(
                "bit_penalty: got a network without qcfs activations, expected some whose bits can be penalised: "
                f'create_model(name, data, activation="qcfs") of {", ".join(names)}'
            )

    @contextlib.contextmanager
    def attach(self, model: nn.Module) -> Iterator[Callable[[], Tensor]]:
        """Within the block, count the spikes of every forward pass; ConfigError where there was none."""
        counted: list[tuple[Tensor, int]] = []

        def count(layer: QCFS, inputs: tuple[Tensor, ...], activation: Tensor) -> None:
            threshold = layer.threshold_for(activation).detach()
            ones: Tensor = _Ones.apply(inputs[0], activation.detach(), threshold, layer.timesteps)
            counted.append((ones, activation.numel()))

        def spikes() -> Tensor:
            if not counted:
                raise ConfigError("bit_penalty: got no activations, expected a call of the network within attach()")
            return torch.stack([ones for ones, _ in counted]).sum() / sum(neurons for _, neurons in counted)

        hooks = [layer.register_forward_hook(count) for layer in model.modules() if isinstance(layer, QCFS)]
        try:
            yield spikes
        finally:
            for hook in hooks:
                hook.remove()


@dataclass(frozen=True)
class RatePenalty(LossTerm):
    """A penalty on the firing rate of spiking layers: `weight` times the mean number of spikes per neuron and step.

    The mean is over all neurons of the layers that local learning rules act on (`Network.plastic`; all spiking layers
    of other networks), all steps and all samples; its gradient passes through the spikes' surrogate.
    """

    name: ClassVar[str] = "rate-penalty"
    curve: ClassVar[str] = "train_penalised_rate"

    weight: float = option(1.0, "weight of the penalty on firing, in nats per spike, neuron and step", least=0)

    def check(self, model: nn.Module) -> None:
        """Raise ConfigError where the network has no spiking layer."""
        self._neurons(model)

    def _neurons(self, model: nn.Module) -> list[nn.Module]:
        return list({site.neuron: None for site in sites(model, getattr(model, "plastic", ()), "rate_penalty")})

    @contextlib.contextmanager
    def attach(self, model: nn.Module) -> Iterator[Callable[[], Tensor]]:
        """Within the block, add up the spikes of every forward pass; ConfigError where there was none."""
        fired: list[tuple[Tensor, int]] = []

        def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor | tuple[Tensor, ...]) -> None:
            spikes = output if isinstance(output, Tensor) else output[0]
            fired.append((spikes.sum(), spikes.numel()))

        def rate() -> Tensor:
            if not fired:
                raise ConfigError("rate_penalty: got no spikes, expected a call of the network within attach()")
            return torch.stack([total for total, _ in fired]).sum() / sum(number for _, number in fired)

        hooks = [neuron.register_forward_hook(add) for neuron in self._neurons(model)]
        try:
            yield rate
        finally:
            for hook in hooks:
                hook.remove()


TERMS: Choices[type[LossTerm]] = Choices("terms", {term.name: term for term in (BitPenalty, RatePenalty)})
"""Loss terms that a run rebuilds by name. The weight of each is also an option of `fit` and of `sqnn train`."""


def loss_terms(value: object) -> tuple[LossTerm, ...]:
    """Return a user's loss terms, none, one or several; ConfigError on anything else, and on a term given twice."""
    values: Iterable[object] = () if value is None else (value,)
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        values = value
    terms: list[LossTerm] = []
    for term in values:
        if not isinstance(term, LossTerm):
            raise ConfigError(f"terms: got {brief(term)}, expected loss terms, such as BitPenalty(0.2)")
        terms.append(term)
    names = [term.name for term in terms]
    require(len(set(names)) == len(names), "terms", names, "each term once")
    return tuple(terms)


def term_options() -> dict[str, Field[object]]:
    """Return the settings that give the weights of terms by name, such as `bit_penalty`, with their fields."""
    weights = {name: next(field for field in fields(term) if field.name == "weight") for name, term in TERMS.items()}
    return {name.replace("-", "_"): weight for name, weight in weights.items()}


def split_terms(values: Mapping[str, Any]) -> tuple[tuple[LossTerm, ...], dict[str, Any]]:
    """Separate weights of loss terms, given by name as in `bit_penalty=0.2`, from other settings; 0 is no term."""
    others, terms = dict(values), []
    for name, kind in TERMS.items():
        keyword = name.replace("-", "_")
        if keyword not in others:
            continue
        try:
            term = kind(others.pop(keyword))
        except ConfigError as error:
            raise ConfigError(f"{keyword}{str(error).removeprefix('weight')}") from error
        terms += [term] if term.weight else []
    return tuple(terms), others


class _Ones(torch.autograd.Function):
    """The number of ones in the digits of activations, as a function of what the activations received."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, activation: Tensor, threshold: Tensor, timesteps: int) -> Tensor:
        steps = 2**timesteps - 1
        levels = levels_of(activation, threshold, steps)
        # By levels: the highest activation, Q times a rounded lambda / Q, can lie a hair below lambda.
        ctx.save_for_backward((levels > 0) & (levels < steps), threshold)
        ctx.timesteps = timesteps
        return digits(levels, timesteps).sum().to(activation.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = gradients
        inside, threshold = ctx.saved_tensors
        return gradient * inside * (ctx.timesteps / threshold), None, None, None
