"""The circuit alone: speed, and what noise does to it."""

from __future__ import annotations

import pandas as pd

from result_tables.base import bold, markdown, number, percent, rows, table

PEERS = ("default.qubit, broadcast", "lightning.qubit, adjoint", "DeepQuantum", "TensorCircuit-NG")
CELL = ["n_qubits", "n_blocks", "entangler", "batch"]


def ratios() -> pd.Series:
    """Return the ratio of the fastest peer to our engine, by circuit and batch."""
    seconds = rows("quantum-cpu").pivot_table(index=CELL, columns="engine", values="seconds")
    return seconds.drop(columns="sqnn lightcone").min(axis=1) / seconds["sqnn lightcone"]


@table("circuit-speed", "quantum-cpu", "sqnn bench quantum")
def circuit_speed() -> str:
    """Milliseconds of every circuit and batch."""
    seconds = rows("quantum-cpu").pivot_table(index=CELL, columns="engine", values="seconds")
    over = ratios()
    body = []
    for cell, row in seconds.iterrows():
        times = [row["sqnn lightcone"], *(row[name] for name in PEERS)]
        body.append(
            [*map(str, cell), *("-" if pd.isna(t) else f"{1000 * t:,.2f}" for t in times), bold(f"{over[cell]:.1f}x")]
        )
    return markdown(["qubits", "blocks", "entangler", "batch", "sqnn lightcone", *PEERS, "over the fastest peer"], body)


@number("circuit-ratios")
def circuit_ratios() -> str:
    """Range of the ratio to the fastest peer."""
    over = ratios()
    return f"{over.min():.1f} to {over.max():.0f} times"


@number("circuit-cells")
def circuit_cells() -> str:
    """How many circuits and batches were measured."""
    return str(len(ratios()))


NOISES = (
    ("none", "depolarizing", 0.0),
    ("depolarizing, p = 0.1", "depolarizing", 0.1),
    ("depolarizing, p = 0.2", "depolarizing", 0.2),
    ("amplitude damping, gamma = 0.1", "amplitude-damping", 0.1),
    ("amplitude damping, gamma = 0.2", "amplitude-damping", 0.2),
    ("bit flip, p = 0.1", "bit-flip", 0.1),
)


@table("noise-mnist", "noise-mnist", "sqnn noise-sweep plain-0 ... --noise depolarizing,amplitude-damping,bit-flip")
def noise_mnist() -> str:
    """Mean accuracy under noise, by the noise of the training."""
    frame = rows("noise-mnist")
    trained = list(dict.fromkeys(frame.train_noise.fillna("none")))
    mean = frame.groupby([frame.train_noise.fillna("none"), "noise", frame.strength.round(6)]).accuracy.mean()
    body = []
    for title, noise, strength in NOISES:
        values = [mean[name, noise, strength] for name in trained]
        body.append([title, *(bold(percent(v)) if v == max(values) else percent(v) for v in values)])
    return markdown(["noise after every gate, on every wire", *(f"trained with: {name}" for name in trained)], body)


@table("noise-speed", "noise-cpu", "sqnn bench noise")
def noise_speed() -> str:
    """Samples per second under noise."""
    return markdown(
        ["task", "engine", "batch", "samples per second", "time relative to the first line of the task"],
        [
            [
                row.task,
                row.engine,
                str(row.batch),
                f"{row.samples_per_second:,.3g}" if row.samples_per_second < 100 else f"{row.samples_per_second:,.0f}",
                f"{row.ratio:,.3g}" if row.ratio < 100 else f"{row.ratio:,.0f}",
            ]
            for row in rows("noise-cpu").itertuples()
        ],
    )


@number("noise-ratio")
def noise_ratio() -> str:
    """Ratio to Aer's density matrices, exact, forward."""
    frame = rows("noise-cpu")
    value = frame[frame.engine.str.startswith("Aer density matrix")].ratio.iloc[0]
    return f"{value:,.0f}"
