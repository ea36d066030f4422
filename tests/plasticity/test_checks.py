"""What is no tensor of finite numbers is one line that names the argument."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from sqnn.core import ConfigError
from sqnn.neurons import LIF
from sqnn.plasticity import (
    AdaptiveSTDP,
    PairSTDP,
    TripletSTDP,
    adapted_thresholds,
    firing_rates,
    heterosynaptic_decay,
    moved,
    plot_curve,
    reward_modulation,
    sites,
    stdp_curve,
    synaptic_scaling,
)

RULE = PairSTDP()
WEIGHT, PRE, POST = torch.rand(3, 4), torch.ones(5, 2, 4), torch.ones(5, 2, 3)
RATES = torch.rand(3)
LAYER = nn.Sequential(nn.Linear(4, 3), LIF(0.9))
NAN = torch.full((5, 2, 4), torch.nan)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RULE.window(WEIGHT.numpy(), PRE, POST), "weight: got ndarray, expected a torch tensor"),
        (lambda: RULE.window(WEIGHT, PRE.numpy(), POST), "pre: got ndarray, expected a torch tensor"),
        (lambda: RULE.window(WEIGHT, NAN, POST), "pre: got 'NaN or an infinite value', expected finite numbers"),
        (lambda: RULE.window(WEIGHT, PRE, POST, nn.Linear(4, 3)), r"connection: got Linear, .* connection_of\(layer\)"),
        (lambda: RULE.window(WEIGHT, PRE, POST, third_factor=1.0), "third_factor: got float, expected a torch tensor"),
        (lambda: RULE.step(WEIGHT, PRE, POST, rate=torch.nan), "rate: got nan, expected a finite number of at least 0"),
        (lambda: RULE.step(WEIGHT, PRE, POST, rate=-1), "rate: got -1.0, expected a finite number of at least 0"),
        (lambda: heterosynaptic_decay(WEIGHT, RATES, -0.1), "rate: got -0.1, expected a finite number of at least 0"),
        (lambda: synaptic_scaling(WEIGHT, RATES, -1, 0.1), "rate: got -1.0, expected a finite number of at least 0"),
        (lambda: synaptic_scaling(WEIGHT, RATES, 1, -0.1), "target: got -0.1, expected a finite number of at least 0"),
        (lambda: adapted_thresholds(RATES, RATES, -1), "rate: got -1.0, expected a finite number of at least 0"),
        (lambda: adapted_thresholds(RATES, RATES, 1, -2), "target: got -2.0, expected a finite number of at least 0"),
        (lambda: moved(WEIGHT, WEIGHT, RATES, -0.1), "rate: got -0.1, expected a number from 0 to 1"),
        (lambda: moved(WEIGHT, WEIGHT, RATES, 1.5), "rate: got 1.5, expected a number from 0 to 1"),
        (lambda: sites(LAYER)[0].spikes_out, r"spikes_out: nothing has passed through 0; call watch\(\)"),
        (lambda: sites(LAYER)[0].spikes_in, "spikes_in: nothing has passed through 0"),
        (lambda: sites(LAYER)[0].error, "error: nothing has passed through 0"),
        (lambda: reward_modulation([1.0, -1.0], 5, 0.9), "reward: got list, expected a torch tensor"),
        (lambda: firing_rates([1]), "post: got list, expected a torch tensor"),
        (lambda: stdp_curve(RULE, 30), "lags: got 30, expected a sequence of whole numbers"),
        (lambda: stdp_curve("hebb"), "rule: got 'hebb', expected a rule such as"),
        (lambda: plot_curve([RULE]), "rules: got .*, expected a rule, or a mapping"),
        (lambda: sites(5), "model: got 5, expected a network"),
    ],
)
def test_a_wrong_argument_is_one_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_window_of_a_bounded_rule_is_taken_in_the_middle_of_its_bounds() -> None:
    soft = PairSTDP(dependence="soft", weight_min=0.0, weight_max=2.0)
    assert torch.allclose(stdp_curve(soft, [-3, 3]), stdp_curve(PairSTDP(), [-3, 3]) / 2)


@pytest.mark.parametrize(
    ("rule", "options", "mend"),
    [
        (PairSTDP, {"mu_plus": 2}, "where dependence is 'additive'; leave it out, or give dependence power"),
        (
            TripletSTDP,
            {"mu_minus": 0.5, "dependence": "soft", "weight_min": 0, "weight_max": 1},
            "where dependence is 'soft'; leave it out, or give dependence power",
        ),
        (
            PairSTDP,
            {"trace": "euler", "decay_plus": 0.9, "decay_minus": 0.8},
            "where decay_plus is 0.9 and decay_minus is 0.8; leave it out, or give decay_plus None or decay_minus None",
        ),
        (
            AdaptiveSTDP,
            {"rho": 0.1, "coupling": "literal"},
            "where coupling is 'literal'; leave it out, or give coupling beside or through",
        ),
        (AdaptiveSTDP, {"eta1": 0.1}, "where coupling is 'beside'; leave it out, or give coupling literal"),
    ],
)
def test_an_option_without_effect_is_refused_and_left_out_of_what_is_stored(
    rule: type[PairSTDP], options: dict[str, object], mend: str
) -> None:
    name, *others = options
    with pytest.raises(ConfigError, match=f"^{name}: got .*, which has no effect {mend}$"):
        rule(**options)
    stored = rule.from_stored(options)
    assert stored == rule(**{other: options[other] for other in others})
    assert rule.from_stored(stored.to_dict()) == stored


def test_an_option_with_an_effect_is_stored_as_it_is() -> None:
    for rule in (
        PairSTDP(dependence="power", mu_plus=2, weight_min=0, weight_max=1),
        PairSTDP(trace="euler", decay_minus=0.5),
        AdaptiveSTDP.paper(eta1=0.5),
        AdaptiveSTDP.hebbian(coupling="literal"),
    ):
        assert type(rule).from_stored(rule.to_dict()) == rule


@pytest.mark.parametrize("rule", [PairSTDP, TripletSTDP, AdaptiveSTDP])
def test_a_size_without_sense_is_refused(rule: type[PairSTDP]) -> None:
    names = {"tau_plus", "tau_minus", "mu_plus", "weight_max", "a_plus", "a3_plus", "rho", "eta1", "heterosynaptic"}
    fields = sorted(names & set(rule().to_dict()))
    assert len(fields) >= 5
    for name in fields:
        with pytest.raises(ConfigError, match=f"^{name}: got .*, expected a number"):
            rule(**{name: 1e9})


def test_what_is_now_called_third_factor_has_its_name_before_too() -> None:
    factor = torch.rand(5, 2)
    expected = RULE.window(WEIGHT, PRE, POST, third_factor=factor)
    with pytest.warns(DeprecationWarning, match="now called third_factor"):
        assert torch.equal(RULE.window(WEIGHT, PRE, POST, modulation=factor), expected)
    with pytest.warns(DeprecationWarning, match="now called third_factor"):
        assert torch.equal(RULE.step(WEIGHT, PRE, POST, modulation=factor), WEIGHT + expected)
