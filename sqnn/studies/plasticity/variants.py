"""The variants of a plasticity study: learning rules, and controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sqnn.core import Choices
from sqnn.plasticity import AdaptiveSTDP, LearningRule


@dataclass(frozen=True)
class Variant:
    """A way to train the spiking perceptron: its title, and the arguments of `fit` that are its own."""

    title: str
    rule: LearningRule | None = None
    training: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


VARIANTS: Choices[Variant] = Choices(
    "variants",
    {
        "backprop": Variant("the gradient alone"),
        "hybrid": Variant("depression beside the gradient", AdaptiveSTDP()),
        "through": Variant("depression in one product with the gradient", AdaptiveSTDP(coupling="through")),
        "follow": Variant("depression of neurons that the gradient reaches", AdaptiveSTDP(modulation="follow")),
        "protect": Variant("depression of neurons that it does not reach", AdaptiveSTDP(modulation="protect")),
        "hebbian": Variant("potentiation beside the gradient", AdaptiveSTDP.hebbian(largest_rate=1.0)),
        "literal": Variant("the rule as its paper prints it", AdaptiveSTDP.paper(largest_rate=1.0)),
        "heterosynaptic": Variant(
            "control: weights of active neurons decay", AdaptiveSTDP(rho=0.0, heterosynaptic=0.01)
        ),
        "rate-penalty": Variant(
            "control: a price on firing in the loss", training=MappingProxyType({"rate_penalty": 1.0})
        ),
    },
)
"""`hebbian` and `literal` raise the firing and are not stopped for it."""
