"""Synthetic recordings beside those of N-MNIST, from the rows of `sqnn study events`."""

from __future__ import annotations

import pandas as pd

from result_tables.base import bold, markdown, number, percent, rows, table
from sqnn.studies import EventsStudy

COMMAND = (
    "sqnn study events --recordings N-MNIST --data-dir DIR --cameras nmnist`, and the likeness of `--cameras saccades"
)
NAMES = {"nmnist": "measured camera (`nmnist`)", "saccades": "ideal camera (`saccades`)"}


def short(part: str) -> pd.DataFrame:
    """Return mean, least and largest value of each measure, by measure and camera."""
    summary = EventsStudy.summary(rows("events"))
    return summary[summary.part == part].set_index(["measure", "camera"])


@table("events-likeness", "events", COMMAND)
def likeness() -> str:
    """Every measure of likeness, of each camera and of the real one."""
    values = short("recordings")["mean"]
    cameras = [name for name in NAMES if name in values.index.get_level_values("camera")]
    body = []
    for measure in dict.fromkeys(values.index.get_level_values("measure")):
        name, _, whose = measure.rpartition(", ")
        if whose == "real":
            continue
        digits = ".3f" if measure.startswith(("correlation", "share", "next")) else ",.4g"
        real = values.get((f"{name}, real", cameras[0]))
        cells = [format(values[measure, camera], digits) for camera in cameras]
        body.append([name if whose == "synthetic" else measure, *cells, "" if real is None else format(real, digits)])
    return markdown(["held-out recordings", *(NAMES[camera] for camera in cameras), "real"], body)


@table("events-network", "events", COMMAND)
def network() -> str:
    """Accuracies of networks that were trained on synthetic recordings alone."""
    lines = short("network")
    counts = rows("events").groupby("measure").recordings.first()
    cameras = [name for name in NAMES if name in lines.index.get_level_values("camera")]
    body = []
    for measure in dict.fromkeys(lines.index.get_level_values("measure")):
        cells = []
        for camera in cameras:
            line = lines.loc[measure, camera]
            cells.append(f"{bold(percent(line['mean']))}, {percent(line.least)} to {percent(line.largest)}")
        body.append([f"{measure} ({counts[measure]:,})", *cells])
    return markdown(["recordings classified", *(f"trained on: {NAMES[camera]}" for camera in cameras)], body)


@number("events-real")
def events_real() -> str:
    """Accuracy on the real recordings of training pictures, mean and range over the seeds."""
    line = short("network").loc["real, training pictures", "nmnist"]
    return f"{percent(line['mean'])}, {percent(line.least)} to {percent(line.largest)}"
