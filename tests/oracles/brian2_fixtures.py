"""Spike trains and the changes of weights that Brian2 gives for them, written to tests/plasticity/fixtures.

Brian2 2.9 needs NumPy below 2.4 and no PyTorch, so this runs in an environment of its own, in half a minute:

    python3 -m venv brian2
    brian2/bin/pip install brian2 "numpy<2.4"
    brian2/bin/python tests/oracles/brian2_fixtures.py

Steps are of one millisecond, time constants in milliseconds. The presynaptic pathway comes first, as is Brian2's
default, so that spikes of one step count for potentiation alone. Code is generated for NumPy: no compiler is needed.
"""

from __future__ import annotations

import json
from pathlib import Path

import brian2 as b2
import numpy as np

PLACE = Path(__file__).resolve().parents[1] / "plasticity" / "fixtures"
PAIR = {"a_plus": 0.01, "a_minus": 0.0105, "tau_plus": 20.0, "tau_minus": 20.0}
CORTEX = {
    **{"a2_plus": 5e-10, "a3_plus": 6.2e-3, "a2_minus": 7e-3, "a3_minus": 2.3e-4},
    **{"tau_plus": 16.8, "tau_minus": 33.7, "tau_x": 101.0, "tau_y": 125.0},
}
"""Visual cortex, all pairs: Pfister and Gerstner (2006)."""
PAIRS, LAG = 60, 10
"""Pairs of spikes of one protocol, and the milliseconds between the spikes of a pair."""


def equations(rule: dict[str, float], nearest: bool) -> tuple[str, str, str]:
    """What lies in a synapse, and what spikes do there, before and after."""
    add = "=" if nearest else "+="
    if "a_plus" in rule:
        model = """w : 1
            dr1/dt = -r1 / (tau_plus * ms) : 1 (event-driven)
            do1/dt = -o1 / (tau_minus * ms) : 1 (event-driven)"""
        return model, f"w -= a_minus * o1; r1 {add} 1", f"w += a_plus * r1; o1 {add} 1"
    model = """w : 1
        dr1/dt = -r1 / (tau_plus * ms) : 1 (event-driven)
        dr2/dt = -r2 / (tau_x * ms) : 1 (event-driven)
        do1/dt = -o1 / (tau_minus * ms) : 1 (event-driven)
        do2/dt = -o2 / (tau_y * ms) : 1 (event-driven)"""
    before = f"w -= o1 * (a2_minus + a3_minus * r2); r1 {add} 1; r2 {add} 1"
    return model, before, f"w += r1 * (a2_plus + a3_plus * o2); o1 {add} 1; o2 {add} 1"


def changes(rule: dict[str, float], pre: np.ndarray, post: np.ndarray, nearest: bool = False) -> list[list[float]]:
    """The change of every weight [out, in], for spikes [time, in] and [time, out]."""
    b2.start_scope()
    b2.defaultclock.dt = 1 * b2.ms
    groups = []
    for spikes in (pre, post):
        times, neurons = np.nonzero(spikes)
        groups.append(b2.SpikeGeneratorGroup(spikes.shape[1], neurons, times * b2.ms))
    model, before, after = equations(rule, nearest)
    synapses = b2.Synapses(*groups, model, on_pre=before, on_post=after, namespace={**rule, "ms": b2.ms})
    synapses.connect()
    network = b2.Network(*groups, synapses)
    network.run(len(pre) * b2.ms)
    weights = np.zeros((post.shape[1], pre.shape[1]))
    weights[synapses.j[:], synapses.i[:]] = synapses.w[:]
    return weights.tolist()


def trains(rule: dict[str, float], seed: int, nearest: bool = False) -> dict[str, object]:
    """Random spikes of 6 neurons before and 5 after, 400 steps, and their changes."""
    generator = np.random.default_rng(seed)
    pre, post = generator.random((400, 6)) < 0.08, generator.random((400, 5)) < 0.08
    found = changes(rule, pre, post, nearest)
    indices = {
        name: [np.flatnonzero(row).tolist() for row in spikes.T] for name, spikes in (("pre", pre), ("post", post))
    }
    return {"rule": rule, "pairing": "nearest" if nearest else "all", "steps": 400, **indices, "changes": found}


def window(rule: dict[str, float], reach: int = 50) -> dict[str, object]:
    """The change of one weight for one pair of spikes, at every lag."""
    pre, post = np.zeros((2 * reach + 1, 1), bool), np.eye(2 * reach + 1, dtype=bool)
    pre[reach] = True
    lags = list(range(-reach, reach + 1))
    return {"rule": rule, "lags": lags, "changes": [row[0] for row in changes(rule, pre, post)]}


def frequencies(rule: dict[str, float]) -> dict[str, object]:
    """The change after 60 pairs of spikes at several rates (Hz), the postsynaptic spike 10 ms after or before.

    At 0.1 Hz, ten seconds apart, pairs do not know of each other: 60 times the change of one.
    """
    rows = []
    for rate in (0.1, 10, 20, 40, 50):
        for lag in (LAG, -LAG):
            pairs, period = (1, 1000) if rate < 1 else (PAIRS, round(1000 / rate))
            starts = 50 + period * np.arange(pairs)
            pre, post = np.zeros((starts[-1] + 50, 1), bool), np.zeros((starts[-1] + 50, 1), bool)
            pre[starts], post[starts + lag] = True, True
            change = changes(rule, pre, post)[0][0] * (PAIRS // pairs)
            rows.append({"rate": rate, "lag": lag, "change": change})
    return {"rule": rule, "pairs": PAIRS, "rows": rows}


def main() -> None:
    """Write the files."""
    b2.prefs.codegen.target = "numpy"
    minimal = {**CORTEX, "a2_plus": 0.0, "a3_plus": 6.5e-3, "a2_minus": 7.1e-3, "a3_minus": 0.0, "tau_y": 114.0}
    fixtures = {
        "window": window(PAIR),
        "frequencies": frequencies(CORTEX),
        "trains": [
            trains(PAIR, 1),
            trains(PAIR, 2, nearest=True),
            trains(CORTEX, 3),
            trains(CORTEX, 4, nearest=True),
            trains(minimal, 5),
        ],
    }
    PLACE.mkdir(parents=True, exist_ok=True)
    for name, content in fixtures.items():
        (PLACE / f"brian2-{name}.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
