"""What is no tensor of finite numbers is one line that names the argument."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from sqnn.core import ConfigError
from sqnn.plasticity import PairSTDP, firing_rates, plot_window, reward_modulation, sites, stdp_window

RULE = PairSTDP()
WEIGHT, PRE, POST = torch.rand(3, 4), torch.ones(5, 2, 4), torch.ones(5, 2, 3)
NAN = torch.full((5, 2, 4), torch.nan)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RULE.window(WEIGHT.numpy(), PRE, POST), "weight: got ndarray, expected a torch tensor"),
        (lambda: RULE.window(WEIGHT, PRE.numpy(), POST), "pre: got ndarray, expected a torch tensor"),
        (lambda: RULE.window(WEIGHT, NAN, POST), "pre: got 'NaN or an infinite value', expected finite numbers"),
        (lambda: RULE.window(WEIGHT, PRE, POST, nn.Linear(4, 3)), r"connection: got Linear, .* connection_of\(layer\)"),
        (lambda: RULE.window(WEIGHT, PRE, POST, modulation=1.0), "modulation: got float, expected a torch tensor"),
        (lambda: RULE.step(WEIGHT, PRE, POST, rate=torch.nan), "rate: got nan, expected a finite number"),
        (lambda: reward_modulation([1.0, -1.0], 5, 0.9), "reward: got list, expected a torch tensor"),
        (lambda: firing_rates([1]), "post: got list, expected a torch tensor"),
        (lambda: stdp_window(RULE, 30), "lags: got 30, expected a sequence of whole numbers"),
        (lambda: stdp_window("hebb"), "rule: got 'hebb', expected a rule such as"),
        (lambda: plot_window([RULE]), "rules: got .*, expected a rule, or a mapping"),
        (lambda: sites(5), "model: got 5, expected a network"),
    ],
)
def test_a_wrong_argument_is_one_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_window_of_a_bounded_rule_is_taken_in_the_middle_of_its_bounds() -> None:
    soft = PairSTDP(dependence="soft", weight_min=0.0, weight_max=2.0)
    assert torch.allclose(stdp_window(soft, [-3, 3]), stdp_window(PairSTDP(), [-3, 3]) / 2)
