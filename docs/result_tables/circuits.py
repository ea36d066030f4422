"""The circuit alone: speed, and what noise does to it."""

from __future__ import annotations

import pandas as pd

from result_tables.base import bold, markdown, number, percent, rows, table

PEERS = ("default.qubit, broadcast", "lightning.qubit, adjoint", "DeepQuantum", "TensorCircuit-NG")
CELL = ["n_qubits", "n_blocks", "entangler", "batch"]
OURS = "sqnn lightcone"
GRID = "quantum-grid"
COMMAND = "sqnn bench quantum --threads 1 --budget 0.3 --peers tensorcircuit-jax (one circuit and batch each)"


def fastest() -> pd.DataFrame:
    """Return our seconds, those of the fastest peer, its name and the ratio of the two, by circuit and batch."""
    frame = rows(GRID).dropna(subset="seconds")
    peers = frame[frame.engine != OURS]
    best = peers.loc[peers.groupby(CELL).seconds.idxmin()].set_index(CELL)
    ours = frame[frame.engine == OURS].set_index(CELL).seconds
    cells = pd.DataFrame({"ours": ours, "peer": best.seconds, "which": best.engine}).dropna().sort_index()
    return cells.assign(ratio=cells.peer / cells.ours)


def compiling() -> pd.DataFrame:
    """Return the seconds that peers took to compile, peers in columns, by circuit and batch."""
    return rows(GRID).dropna(subset="compile_seconds").pivot(index=CELL, columns="engine", values="compile_seconds")


def times(ratio: float) -> str:
    """Return a ratio with as many digits as its size deserves."""
    return f"{ratio:.2f}" if ratio < 1 else f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"


@table("circuit-fastest", GRID, COMMAND)
def circuit_fastest() -> str:
    """Our engine and the fastest peer, circuit by circuit."""
    seconds = compiling()
    names = list(seconds.columns)
    body = []
    for cell, row in fastest().iterrows():
        compiled = [seconds[name].get(cell, float("nan")) for name in names]
        body.append(
            [
                *map(str, cell),
                *(f"{1000 * value:,.2f}" for value in (row.ours, row.peer)),
                row.which,
                bold(times(row.ratio)) if row.ratio >= 1 else times(row.ratio),
                *("-" if pd.isna(value) else f"{value:.1f} s" for value in compiled),
            ]
        )
    header = ["qubits", "blocks", "entangler", "batch", OURS, "fastest peer", "which", "ratio"]
    return markdown([*header, *(f"compiling {name}" for name in names)], body)


@table("circuit-by-qubits", GRID, COMMAND)
def circuit_by_qubits() -> str:
    """The ratio to the fastest peer by batch and number of qubits."""
    return markdown(
        ["batch", "qubits", "circuits", "median ratio", "least", "largest", "a peer is faster in"],
        [
            [*map(str, (*cell, len(part))), *map(times, (part.median(), part.min(), part.max())), str((part < 1).sum())]
            for cell, part in fastest().ratio.groupby(level=["batch", "n_qubits"])
        ],
    )


@number("circuit-ratio")
def circuit_ratio() -> str:
    """Median and range of the ratio to the fastest peer."""
    ratio = fastest().ratio
    return f"{times(ratio.median())} (from {times(ratio.min())} to {times(ratio.max())})"


@number("circuit-medians")
def circuit_medians() -> str:
    """Median of the ratio by the number of qubits."""
    medians = fastest().ratio.groupby(level="n_qubits").median()
    return ", ".join(f"{times(median)} with {n}" for n, median in medians.items())


@number("circuit-cells")
def circuit_cells() -> str:
    """How many circuits and batches were measured."""
    return str(len(fastest()))


@number("circuit-batches")
def circuit_batches() -> str:
    """The sizes of batches that were measured."""
    *others, last = sorted({cell[-1] for cell in fastest().index})
    return f"{', '.join(map(str, others))} and {last:,}" if others else str(last)


@number("circuit-slower")
def circuit_slower() -> str:
    """In how many of them a peer is faster, and with which numbers of qubits."""
    ratio = fastest().ratio
    qubits = sorted({cell[0] for cell in ratio[ratio < 1].index})
    return f"{(ratio < 1).sum()} (qubits: {', '.join(map(str, qubits)) or 'none'})"


def uncompiled_ratios() -> pd.Series:
    """Return the ratio of the fastest of `PEERS` to our engine on two threads, by circuit and batch."""
    seconds = rows("quantum-cpu").pivot_table(index=CELL, columns="engine", values="seconds")
    return seconds.drop(columns=OURS).min(axis=1) / seconds[OURS]


@table("circuit-speed", "quantum-cpu", "sqnn bench quantum")
def circuit_speed() -> str:
    """Milliseconds of every circuit and batch."""
    seconds = rows("quantum-cpu").pivot_table(index=CELL, columns="engine", values="seconds")
    over = uncompiled_ratios()
    body = []
    for cell, row in seconds.iterrows():
        columns = [row[OURS], *(row[name] for name in PEERS)]
        body.append(
            [*map(str, cell), *("-" if pd.isna(t) else f"{1000 * t:,.2f}" for t in columns), bold(f"{over[cell]:.1f}x")]
        )
    return markdown(["qubits", "blocks", "entangler", "batch", OURS, *PEERS, "over the fastest peer"], body)


@number("circuit-uncompiled")
def circuit_uncompiled() -> str:
    """Range of the ratio to the fastest peer that does not compile, and how many circuits and batches that is."""
    over = uncompiled_ratios()
    return f"{over.min():.1f} to {over.max():.0f} times ({len(over)} circuits and batches)"


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


@table("circuit-kernels", "quantum-kernels", lambda: str(rows("quantum-kernels").command.iloc[0]))
def kernels() -> str:
    """The compiled engine beside the fastest peer."""
    frame = rows("quantum-kernels").dropna(subset=["seconds"])
    body = []
    for blocks, part in frame.groupby("n_blocks"):
        own, others = part[part.engine == "sqnn lightcone"].iloc[0], part[part.engine != "sqnn lightcone"]
        best = others.loc[others.seconds.idxmin()]
        body.append(
            [str(blocks), f"{1e3 * own.seconds:.2f}", f"{1e3 * best.seconds:.2f}", best.engine, f"{best.ratio:.1f}"]
        )
    return markdown(["blocks", "sqnn lightcone (ms)", "fastest peer (ms)", "which", "ratio"], body)
