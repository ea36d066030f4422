"""The circuit alone: speed, and what noise does to it."""

from __future__ import annotations

import pandas as pd

from result_tables.base import bold, markdown, number, percent, rows, table

PEERS = ("default.qubit, broadcast", "lightning.qubit, adjoint", "DeepQuantum", "TensorCircuit-NG")
CELL = ["n_qubits", "n_blocks", "entangler", "batch"]
OURS = "sqnn lightcone"
DIRECT = "sqnn lightcone, value_and_grad"
GRID = "quantum-grid"
COMMAND = "sqnn bench quantum --threads 1 --budget 0.3 --peers tensorcircuit-jax (one circuit and batch each)"


def fastest() -> pd.DataFrame:
    """Return seconds of a grid by circuit and batch: `beside` for its rows."""
    return beside(GRID)


def beside(name: str) -> pd.DataFrame:
    """Return our seconds, in one call and by autograd, those of the fastest peer, its name, and both ratios."""
    frame = rows(name).dropna(subset="seconds")
    peers = frame[~frame.engine.isin([OURS, DIRECT])]
    best = peers.loc[peers.groupby(CELL).seconds.idxmin()].set_index(CELL)
    autograd, direct = (frame[frame.engine == each].set_index(CELL).seconds for each in (OURS, DIRECT))
    cells = pd.DataFrame({"direct": direct, "autograd": autograd, "peer": best.seconds, "which": best.engine})
    cells = cells.dropna().sort_index()
    return cells.assign(ratio=cells.peer / cells.direct, by_autograd=cells.peer / cells.autograd)


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
        body.append([*map(str, cell), *measured(row), *("-" if pd.isna(v) else f"{v:.1f} s" for v in compiled)])
    return markdown([*CELLS_HEADER, *(f"compiling {name}" for name in names)], body)


CELLS_HEADER = [
    *("qubits", "blocks", "entangler", "batch", "sqnn, one call (ms)", "sqnn, autograd (ms)", "fastest peer (ms)"),
    *("which", "ratio, one call", "ratio, autograd"),
]


def measured(row: pd.Series) -> list[str]:
    """Return the columns of a circuit after those that name it."""
    milliseconds = (f"{1000 * value:,.3f}" for value in (row.direct, row.autograd, row.peer))
    return [*milliseconds, row.which, *(bold(times(r)) if r >= 1 else times(r) for r in (row.ratio, row.by_autograd))]


@table("circuit-by-qubits", GRID, COMMAND)
def circuit_by_qubits() -> str:
    """The ratio to the fastest peer by batch and number of qubits."""
    ratios = fastest()
    body = []
    for cell, part in ratios.groupby(level=["batch", "n_qubits"]):
        one, other = part.ratio, part.by_autograd
        numbers = (one.median(), one.min(), one.max(), other.median(), other.min(), other.max())
        body.append([*map(str, (*cell, len(part))), *map(times, numbers), f"{(one < 1).sum()}, {(other < 1).sum()}"])
    header = ["batch", "qubits", "circuits", "one call: median ratio", "least", "largest"]
    return markdown([*header, "autograd: median ratio", "least", "largest", "a peer is faster in"], body)


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


@number("circuit-ratio-autograd")
def circuit_ratio_autograd() -> str:
    """Median and range of the ratio to the fastest peer, through PyTorch's autograd."""
    ratio = fastest().by_autograd
    return f"{times(ratio.median())} (from {times(ratio.min())} to {times(ratio.max())})"


@number("circuit-slower")
def circuit_slower() -> str:
    """In how many of them the peer is faster than one call."""
    return str((fastest().ratio < 1).sum())


@number("circuit-slower-autograd")
def circuit_slower_autograd() -> str:
    """In how many of them a peer is faster than autograd, and with which numbers of qubits."""
    ratio = fastest().by_autograd
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


@table("circuit-kernels", "quantum-kernels", lambda: "; ".join(rows("quantum-kernels").command.unique()))
def kernels() -> str:
    """The compiled engine beside the fastest of two compiled peers."""
    cells = beside("quantum-kernels").iterrows()
    return markdown(CELLS_HEADER, [[*map(str, cell), *measured(row)] for cell, row in cells])


@table("circuit-gpu", "quantum-gpu", "sqnn bench quantum --device cuda --peers tensorcircuit-jax (one circuit each)")
def circuit_gpu() -> str:
    """On a GPU, where the engine has no kernels."""
    frame = rows("quantum-gpu").dropna(subset="seconds")
    seconds = frame.pivot_table(index=["n_qubits", "n_blocks", "batch"], columns="engine", values="seconds")
    (peer,) = (name for name in seconds.columns if name != OURS)
    body = [
        [*map(str, cell), f"{1000 * row[OURS]:.2f}", f"{1000 * row[peer]:.2f}", times(row[peer] / row[OURS])]
        for cell, row in seconds.iterrows()
    ]
    return markdown(["qubits", "blocks", "batch", f"{OURS} (ms)", f"{peer} (ms)", "ratio"], body)
