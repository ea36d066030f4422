"""STDP and backpropagation in one update of a spiking layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from sqnn.core import Choices, option
from sqnn.plasticity.base import LearningRule
from sqnn.plasticity.pair import PairSTDP
from sqnn.plasticity.rule import TIMES, weight_option
from sqnn.plasticity.sites import Site, sites

if TYPE_CHECKING:
    from sqnn.plasticity.updates import AdaptiveUpdates

COUPLINGS: Choices[str] = Choices(
    "coupling",
    {
        "beside": "added to the weights after the optimiser's step, at a share of that step",
        "through": "taken from the gradient before the optimiser, in one product with it, at a share of the gradient",
        "literal": "added to the weights at the rate eta1, as the paper prints it; unstable",
    },
)
"""How the local update joins the gradient's."""
MODULATIONS: Choices[str] = Choices(
    "modulation",
    {
        "constant": "every neuron alike: 1",
        "follow": "more where more gradient arrives: z",
        "protect": "less where more gradient arrives: 2 / (1 + z)",
    },
)
"""What the coefficient of a neuron moves towards, z being its gradient divided by the layer's mean."""

LITERAL = MappingProxyType({"coupling": ("literal",)})
"""Where a rate without a unit has an effect."""
LARGEST_UPDATE = 100.0
"""Largest size of the local update, beside which the gradient no longer counts."""


@dataclass(frozen=True, kw_only=True)
class AdaptiveSTDP(LearningRule, PairSTDP):
    """Add the pair STDP of spiking layers, with a coefficient per neuron, to what backpropagation does.

    With L the mean over batch and time of the pair rule's window update, c_j the coefficient of neuron (or channel) j
    and d(e) = 1 / (1 + ln(1 + e)) in epoch e = 0, 1, ...,

        beside:  W <- W + dW + kappa diag(c) L       kappa = d(e) rho |dW| / |diag(c) L|, dW the optimiser's step
        through: g <- g - kappa' diag(c) L           kappa' = d(e) rho |g| / |diag(c) L|, g the gradient by W
        literal: W <- W + dW + eta1 d(e) diag(c) L

    with Frobenius norms, after which W_ji <- W_ji - `heterosynaptic` r_j W_ji, r_j being the mean spikes of neuron j
    per step (heterosynaptic decay). c_j <- 0.95 c_j + 0.05 phi(z_j), where z_j = e_j / mean_k e_k, e_j is the mean over
    the batch of |sum_t dL/dI_j(t)|, I the currents of the neurons, and phi is the `modulation`. Of a convolution, sums
    run over positions too. In `through`, gradient and local update are one product of the input spikes, and the two
    norms are measured at every 32nd batch. After every batch `weight_min` and `weight_max`, where given, clip all
    weights of the layers. The forward pass and the classes of the network are unchanged.

    `layers` are paths of spiking layers (a linear or convolutional layer and the neurons after it) or of modules that
    hold some; without any the rule acts on those that the network's class states as `plastic`, or else on all. The
    defaults, depression alone (a_plus = 0), lower the firing of the layer; potentiation raises it. A training in which
    a layer's mean rate exceeds `largest_rate` spikes per neuron and step stops with a RunawayError. `paper` is the rule
    as its paper prints it, with which every neuron ends firing at every step: 11 to 18 % of MNIST's test images after 2
    epochs, three seeds (docs/results/plasticity.md).

    Raises ConfigError where an option is out of range or a path leads to no spiking layer.
    """

    name: ClassVar[str] = "hybrid"
    curves: ClassVar[tuple[str, ...]] = ("train_rate",)

    a_plus: float = weight_option(0.0, "potentiation: weight of a post spike after a pre spike")
    a_minus: float = weight_option(1.0, "depression: weight of a pre spike after a post spike")
    decay_plus: float | None = option(
        0.9, "share of the presynaptic trace kept per step, for tau_plus", least=0, most=1
    )
    decay_minus: float | None = option(
        0.9, "share of the postsynaptic trace kept per step, for tau_minus", least=0, most=1
    )
    time: str = option("mean", "how the changes of the steps become one", among=TIMES)
    layers: tuple[str, ...] = option(
        (), "paths of the spiking layers, such as frontend.blocks.0 (default: the network's)"
    )
    coupling: str = option("beside", "how the local update joins the gradient's", among=COUPLINGS)
    rho: float = option(
        0.3,
        "size of the local update as a share of the optimiser's step or of the gradient",
        least=0,
        most=LARGEST_UPDATE,
        where={"coupling": ("beside", "through")},
    )
    eta1: float = option(0.01, "rate of the local update (literal only)", least=0, most=LARGEST_UPDATE, where=LITERAL)
    heterosynaptic: float = option(
        0.0, "share of a weight that its neuron loses per batch at one spike per step", least=0, most=1
    )
    modulation: str = option("constant", "coefficient of a neuron by the gradient that reaches it", among=MODULATIONS)
    largest_rate: float = option(0.5, "mean spikes per neuron and step at which the training stops", above=0, most=1)

    @classmethod
    def paper(cls, **options: object) -> AdaptiveSTDP:
        """Return the rule as printed: A+ = A- = 1, eta1 = 0.01, literal. Documented because it fails."""
        return cls.from_dict({"a_plus": 1.0, "a_minus": 1.0, "coupling": "literal", **options})

    @classmethod
    def hebbian(cls, **options: object) -> AdaptiveSTDP:
        """Return potentiation alone, at a tenth of the optimiser's step where the coupling goes by that."""
        size = {} if options.get("coupling") == "literal" else {"rho": 0.1}
        return cls.from_dict({"a_plus": 1.0, "a_minus": 0.0, **size, **options})

    def validate(self) -> None:
        super().validate()
        if self.coupling == "through":
            self.post_factor(torch.zeros(1, 1, 1))  # which only rules have that are one product

    @property
    def one_product(self) -> bool:
        """Whether a window of the rule is one product with the spikes that come in (`post_factor`)."""
        return self.dependence == "additive" and self.pairing == "all" and self.batch != "max-abs"

    def sites(self, model: nn.Module) -> list[Site]:
        """Return the spiking layers that the rule acts on."""
        return sites(model, self.layers or getattr(model, "plastic", ()), "layers" if self.layers else "rule")

    def check(self, model: nn.Module) -> None:
        """Raise ConfigError where a path leads to no spiking layer."""
        self.sites(model)

    def decay(self, epoch: int) -> float:
        """Return d(e) = 1 / (1 + ln(1 + e)) of epoch e = 0, 1, ..."""
        return 1 / (1 + math.log1p(epoch))

    def callback(self) -> AdaptiveUpdates:
        """Return a new callback of the training loop that carries the rule out."""
        from sqnn.plasticity.updates import AdaptiveUpdates

        return AdaptiveUpdates(self)
