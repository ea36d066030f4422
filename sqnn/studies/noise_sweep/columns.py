"""The results table of noise sweeps."""

from __future__ import annotations

from dataclasses import dataclass

from sqnn.studies.runner import Schema, StudyTable, kinds

COLUMNS = kinds(
    "model data split: str; images classes: int; train_noise: str; seed: int; noise: str; strength: float; "
    "engine: str; shots draw: int; accuracy loss: float; parameters_total parameters_spiking parameters_quantum: int; "
    "parameters_effective: int; seconds: float; versions fingerprint: str"
)
"""Every column and the kind of its values; a field without a value is empty.

`model` is the network's path or name, `images` how many of the `split` were measured, `train_noise` and `seed` the
noise and the seed the network was trained with, `draw` the number of a repetition with `shots`; `accuracy` is a
fraction, `loss` the mean cross-entropy in nats, `seconds` the wall time of the measurement. `fingerprint` is a digest
of what was measured: the network, the images and the noise.
"""
KEY: tuple[str, ...] = ("fingerprint", "noise", "strength", "engine", "shots", "draw")
"""Rows that agree in these columns are the same measurement; the name of the network's file is not among them."""

_RETIRED = ("synops", "energy", "latency")
_LAST = list(COLUMNS).index("seconds")
OLDER = ((*list(COLUMNS)[:_LAST], *_RETIRED, *list(COLUMNS)[_LAST:]),)
SCHEMA = Schema({name: kind | None for name, kind in COLUMNS.items()}, KEY, OLDER)


@dataclass(frozen=True)
class ResultsTable(StudyTable):
    """A results table of noise sweeps in a CSV file, columns as in COLUMNS; see `StudyTable`."""

    schema: Schema = SCHEMA
