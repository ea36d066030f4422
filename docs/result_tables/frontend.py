"""Training steps of the spiking front-end beside other libraries."""

from __future__ import annotations

from result_tables.base import markdown, rows, table

NAME = "frontend-cpu"
COMMAND = "sqnn bench frontend --threads 1 (and 2, and --channels 32,64,128)"
OURS = "sqnn"


@table("frontend", NAME, COMMAND)
def frontend() -> str:
    """Milliseconds of a step, and of everybody else over ours, by widths and threads; peak memory."""
    frame = rows(NAME)
    body = []
    for (channels, threads), part in frame.groupby(["channels", "threads"], sort=False):
        ours = part[part["name"] == OURS].iloc[0]
        others = part[part["name"] != OURS]
        ratios = [f"{ratio:.1f}" for ratio in others.ratio]
        memory = f"{ours.peak_mib:,.0f} / {others.peak_mib.min():,.0f}"
        body.append([channels, str(threads), f"{ours.milliseconds:,.1f}", *ratios, memory])
    names = list(frame[frame["name"] != OURS]["name"].drop_duplicates())
    return markdown(["channels", "threads", "sqnn (ms)", *names, "memory, ours / least of the others (MiB)"], body)
