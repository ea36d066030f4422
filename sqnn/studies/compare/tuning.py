"""Tuning: learning rate and weight decay by validation accuracy, from the same number of tries for each network."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

from sqnn.core import Row, require
from sqnn.studies.runner import Schema, StudyTable, kinds

LEARNING_RATES = (1e-4, 0.3)
WEIGHT_DECAYS = (1e-7, 0.1)
"""Ranges of the tries, each drawn by its logarithm."""
UNINFORMED = 5
"""Tries before the sampler looks at what came of them: the network's own, and some that lie evenly in the ranges."""
STEPS = (0.7548776662466927, 0.5698402909980532)
"""Steps of these: 1/g and 1/g^2 with g^3 = g + 1 (M. Roberts, "The unreasonable effectiveness of quasirandom
sequences", 2018).
"""
SEED = 0
"""Seed of the weights, of the images and of the sampler of all tries."""
TRIES = Schema(
    kinds("number: int; learning_rate weight_decay: float; validation_accuracy seconds: float?; failure: str"),
    key=("number",),
)


class Choice(NamedTuple):
    """What a try trains with."""

    learning_rate: float
    weight_decay: float


def check_tuning(tries: int) -> None:
    """Raise ConfigError where Optuna, which tunes, is not installed."""
    installed = not tries or importlib.util.find_spec("optuna") is not None
    require(installed, "tuning", tries, "0, or Optuna installed: pip install 'sqnn[tuning]'")


def tune(path: Path, tries: int, own: Choice, attempt: Callable[[Choice], Row]) -> Choice | None:
    """Return the choice of the best validation accuracy among so many tries; None where all of them failed.

    The first try is `own`, the network's own settings; the others are Optuna's. `attempt` trains with a choice and
    returns the rest of its row in the table at `path`. Finished tries are there, and only the missing ones are made; of
    several processes one makes them, and the others wait. Of equal accuracies the earliest counts.
    """
    from filelock import FileLock

    table = StudyTable(path, TRIES, again="its tries are made again")
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.stem}.at-work")):
        while len(rows := table.rows()) < tries:
            choice = propose(made(rows)) if rows else own
            table.append([{"number": len(rows), **choice._asdict(), **attempt(choice)}])
    finished = [(accuracy, choice) for choice, accuracy in made(rows[:tries]) if accuracy is not None]
    return max(finished, key=lambda each: each[0])[1] if finished else None


def made(rows: Sequence[Row]) -> list[tuple[Choice, float | None]]:
    """Return the tries of a table with their validation accuracies, None where one failed."""
    return [
        (Choice(*(cast(float, row[name]) for name in Choice._fields)), cast("float | None", row["validation_accuracy"]))
        for row in rows
    ]


def propose(tries: Sequence[tuple[Choice, float | None]]) -> Choice:
    """Return what to try after these tries: points that lie evenly at first, then what Optuna's sampler (TPE) asks for.

    It depends on nothing but the tries, so that a tuning that was stopped ends as the undisturbed one.

    Source: Bergstra et al., "Algorithms for hyper-parameter optimization", NIPS 2011.
    """
    ranges = (LEARNING_RATES, WEIGHT_DECAYS)
    if len(tries) < UNINFORMED:
        return Choice(
            *(low * (high / low) ** (len(tries) * step % 1) for step, (low, high) in zip(STEPS, ranges, strict=True))
        )
    import optuna

    asked: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.FloatDistribution(*ends, log=True)
        for name, ends in zip(Choice._fields, ranges, strict=True)
    }
    states = optuna.trial.TrialState
    with _silence():
        sampler = optuna.samplers.TPESampler(seed=SEED + len(tries), n_startup_trials=0)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for choice, accuracy in tries:
            # The network's own choice may lie outside the ranges: the sampler sees the nearest inside.
            inside = [min(max(value, low), high) for value, (low, high) in zip(choice, ranges, strict=True)]
            study.add_trial(
                optuna.trial.create_trial(
                    params=dict(zip(Choice._fields, inside, strict=True)),
                    distributions=asked,
                    value=accuracy,
                    state=states.FAIL if accuracy is None else states.COMPLETE,
                )
            )
        return Choice(**study.ask(asked).params)


@contextmanager
def _silence() -> Iterator[None]:
    """Within the block Optuna logs no study of one trial."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
