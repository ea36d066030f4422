"""The learning rules by name."""

from __future__ import annotations

from torch import nn

from sqnn.core import Choices, ConfigError, brief
from sqnn.plasticity.adaptive import AdaptiveSTDP
from sqnn.plasticity.base import LearningRule
from sqnn.plasticity.competitive import COMPETITIVE_RULES

BACKPROP = "backprop"
"""The name of a training that follows the gradient alone."""
RULES: Choices[type[LearningRule]] = Choices("rule", {rule.name: rule for rule in (AdaptiveSTDP,)})
"""Learning rules that a run rebuilds by name."""


def rule_class(name: str) -> type[LearningRule] | None:
    """Return the learning rule of this name, None for backprop; ConfigError lists the names."""
    names: Choices[type[LearningRule] | None] = Choices(
        "rule", {BACKPROP: None, **RULES, **dict.fromkeys(COMPETITIVE_RULES)}
    )
    if name in COMPETITIVE_RULES:
        raise ConfigError(
            f"rule: got {name!r}, which is of the network snn-wta: create_model('snn-wta', rule={name!r})"
        )
    return names.pick(name, error=ConfigError)


def learning_rule(value: object, model: nn.Module) -> LearningRule | None:
    """Return a rule given as such or by its name, None for backprop; ConfigError where it cannot act on the network."""
    if value is None or value == BACKPROP:
        return None
    if isinstance(value, str):
        kind = rule_class(value)
        value = kind() if kind is not None else None
    if not isinstance(value, LearningRule):
        raise ConfigError(f"rule: got {brief(value)}, expected a learning rule, such as AdaptiveSTDP(), or its name")
    if type(value) not in RULES.values():
        raise ConfigError(
            f"rule: got {brief(value)}, expected one that a run rebuilds by its name, {', '.join(RULES)}; pass one of "
            "your own as callbacks=[rule.callback()]"
        )
    value.check(model)
    return value
