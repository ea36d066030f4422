"""The curve of a rule: what a pair of spikes changes, against the time between them; elsewhere "STDP window"."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import is_whole, require
from sqnn.plasticity.rule import STDP

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def stdp_curve(rule: STDP, lags: Sequence[int] = range(-50, 51), weight: float | None = None) -> Tensor:
    """Return the change of a weight for one pair of spikes at each lag, `[lags]` in float64.

    A lag is the step of the postsynaptic spike less that of the presynaptic one. It is what `window` gives for such
    spikes at this weight, summed over the steps; bounds do not clip it. By default the weight is in the middle of the
    rule's bounds, or 0 without bounds.
    """
    require(isinstance(rule, STDP), "rule", rule, "a rule such as PairSTDP()")
    require(isinstance(lags, Sequence), "lags", lags, "a sequence of whole numbers of steps, such as range(-50, 51)")
    if weight is None:
        least, most = rule.weight_min, rule.weight_max
        weight = 0.0 if least is None or most is None else (least + most) / 2
    require(len(lags) > 0 and all(map(is_whole, lags)), "lags", lags, "at least one whole number of steps")
    reach = max(abs(lag) for lag in lags)
    pre = torch.zeros(2 * reach + 1, 1, 1, dtype=torch.float64)
    pre[reach] = 1
    post = torch.zeros(2 * reach + 1, 1, len(lags), dtype=torch.float64)
    post[[reach + lag for lag in lags], 0, range(len(lags))] = 1
    alone = dataclasses.replace(rule, time="sum", batch="sum")
    return alone.window(torch.full((len(lags), 1), weight, dtype=torch.float64), pre, post).flatten()


def plot_curve(
    rules: STDP | Mapping[str, STDP],
    lags: Sequence[int] = range(-50, 51),
    *,
    weight: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the curve of a rule, or of several by name; `lags` and `weight` as in `stdp_curve`."""
    from circuits.plotting import panel

    require(isinstance(rules, STDP | Mapping), "rules", rules, "a rule, or a mapping of names to rules")
    figure, axes = panel(ax, (6, 3.8), title)
    named = {"": rules} if isinstance(rules, STDP) else dict(rules)
    for number, (name, rule) in enumerate(named.items()):
        change = stdp_curve(rule, lags, weight)
        axes.plot(list(lags), change.tolist(), ".-", ms=4, lw=1, color=f"C{number}", label=name)
    axes.axhline(0, color="grey", lw=0.8)
    axes.axvline(0, color="grey", ls=":", lw=1)
    axes.set(xlabel="postsynaptic less presynaptic spike (steps)", ylabel="change of the weight")
    axes.grid(alpha=0.25)
    if any(named):
        axes.legend(frameon=False, fontsize=9)
    return figure


stdp_window, plot_window = stdp_curve, plot_curve
"""Their names before."""
