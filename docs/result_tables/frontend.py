"""Training steps of the spiking front-end beside other libraries."""

from __future__ import annotations

from result_tables.base import markdown, rows, table

CPU, OTHER_CPU, GPU = "frontend-cpu", "frontend-cpu-16-cores", "frontend-gpu"
COMMAND = "sqnn bench frontend --threads 1 --budget 3 (and 2, and --channels 32,64,128)"
OLDER = "sqnn bench frontend --threads 1 (and 2, and --channels 32,64,128)"
ON_GPU = "sqnn bench frontend --threads 2 --device cuda (and --channels 32,64,128)"
OURS, PLAIN = "sqnn", "sqnn, plain PyTorch"


def steps(source: str) -> str:
    """Return milliseconds of a step, and of everybody else over ours, by widths and threads; peak memory."""
    frame = rows(source)
    body = []
    for (channels, threads), part in frame.groupby(["channels", "threads"], sort=False):
        ours = part[part["name"] == OURS].iloc[0]
        others = part[part["name"] != OURS]
        ratios = [f"{ratio:.1f}" for ratio in others.ratio]
        peers = others[others["name"] != PLAIN]
        memory = f"{ours.peak_mib:,.1f} / {peers.peak_mib.min():,.1f}"
        body.append([channels, str(threads), f"{ours.milliseconds:,.1f}", *ratios, memory])
    names = list(frame[frame["name"] != OURS]["name"].drop_duplicates())
    return markdown(["channels", "threads", "sqnn (ms)", *names, "memory, ours / least of the peers (MiB)"], body)


@table("frontend", CPU, COMMAND)
def frontend() -> str:
    """Training steps on a CPU."""
    return steps(CPU)


@table("frontend-16-cores", OTHER_CPU, OLDER)
def frontend_on_many_cores() -> str:
    """Training steps on another CPU, of an older commit."""
    return steps(OTHER_CPU)


@table("frontend-gpu", GPU, ON_GPU)
def frontend_on_gpu() -> str:
    """Training steps on a GPU, where the neurons of ours are a kernel."""
    return steps(GPU)
