"""The comparison of runs that are trained already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from sqnn.core import RAISED, ConfigError, Row, path_of, raised
from sqnn.data import ImageData
from sqnn.metrics import effective_parameters, operations
from sqnn.models import PARTS, ModelConfig
from sqnn.studies.compare.comparison import Comparison
from sqnn.studies.compare.labels import label_beside
from sqnn.studies.compare.significance import check_network
from sqnn.studies.seeds import VARIED, plain
from sqnn.training import Run, RunError, RunFolder, TrainingConfig

SHOWN = ("learning_rate", "weight_decay", "epochs", "batch_size")
"""Settings of a training that are shown even where all networks have the same."""
SHORTENED = 8
"""Fewest hexadecimal digits of a digest that tell images of one name, or layouts of networks, apart."""
SHA256 = re.compile("[0-9a-f]{64}")


class Trained(NamedTuple):
    """A finished run: its folder, numbers and settings, the run itself and a label where they were given."""

    folder: RunFolder
    result: Mapping[str, Any]
    settings: Mapping[str, Any]
    run: Run | None
    label: str | None = None

    @property
    def network(self) -> dict[str, str]:
        """Options of the network and what trains it beside the settings of the loop, as text."""
        own = {name: value for name, value in self.settings["config"].items() if name not in ModelConfig.data_fields}
        beside = {name: self.settings.get(name) for name in ("terms", "rule", "callbacks")}
        return {name: plain(value) for name, value in {**own, **beside}.items() if value is not None}

    @property
    def training(self) -> dict[str, Any]:
        """Settings of the training loop, defaults included."""
        values = {**TrainingConfig().to_dict(), **self.settings["training"]}
        return {name: value for name, value in values.items() if name not in VARIED}


def compare(
    *runs: Run | str | Path | Mapping[str, Run | str | Path],
    data: ImageData | None = None,
    against: str | None = None,
) -> Comparison:
    """Compare runs that are trained: parameters by part, accuracy over the seeds, time, paired tests, one picture.

    `runs` are `Run` objects, folders of runs, or folders that hold such folders, or mappings from labels to any of
    these: `compare({"relu": run, "tanh": other})`, by which networks of your own stay apart that differ in code alone.
    Runs that differ in the seed and the number of threads alone are one network; where networks of one name differ,
    their label says in what: `sqdr-cnn:channels=2,4`. Runs of a comparison keep the labels they had there. Runs on
    other images of one name, such as a part of them, stand apart: the column `data` has the first digits of the images'
    digest then. With `data`, on whose images all of them were trained, each network's operations and energy are
    measured on test images, and the effective parameters of its first run on training images; a network of your own
    needs its code for that, which no folder holds: give `Run.load(folder, model=function)` in place of the folder. The
    notes say where runs differ in images, seeds, kernels or settings, which runs in a folder are not finished, why a
    network has no operations and energy (it could not be read or evaluated) or no effective parameters (more than 4,000
    parameters, for one), and where they are a lower bound. `against` is the label of the network that all others are
    tested against; without it every pair is tested.

    Raises ConfigError where there are no runs, where one network was trained twice from one seed with one number of
    threads, or where `against` is none of their labels, and RunError on what is no finished run, or was trained on
    other images than `data`.
    """
    import pandas as pd

    labelled = list(_labelled(runs))
    found = [trained._replace(label=label) for label, one in labelled for trained in _found(one)]
    if not found:
        raise ConfigError("runs: got none, expected finished runs, or folders of them: compare('runs/a', 'runs/b')")
    places = [trained.folder.path.resolve() for trained in found]
    twice = next((place for number, place in enumerate(places) if place in places[:number]), None)
    if twice is not None:
        raise ConfigError(f"runs: got {twice} twice, expected each run once")
    labels, images = _labels(found), _images(found)
    check_network(against, dict.fromkeys(labels))
    _check_seeds(found, labels, images)
    rows, notes, unmeasured = [], dict[str, str](), dict[str, str]()
    for trained, label, name in zip(found, labels, images, strict=True):
        row = _row(trained, label, name)
        if data is not None:
            trained.folder.check_data(data, trained.settings)
            try:
                model = _network(trained)
                row |= _costs(model, data)
                if label not in notes:
                    row["effective"], notes[label] = _effective(model, data)
            except RAISED as error:  # one network that cannot be read or evaluated leaves the others their costs
                unmeasured.setdefault(label, str(error) if isinstance(error, ValueError) else raised(error))
        rows.append(row)
    of_ranks = (f"effective parameters of {label}: {note}" for label, note in notes.items() if note)
    without = (f"without operations and energy: {label}: {why}" for label, why in unmeasured.items())
    told = (*_notes(found, labels, images), *_unfinished([one for _, one in labelled]), *without, *of_ranks)
    return Comparison(pd.DataFrame(rows), _settings(found, labels), told, against)


def _labelled(
    runs: Sequence[Run | str | Path | Mapping[str, Run | str | Path]],
) -> Iterator[tuple[str | None, Run | str | Path]]:
    """Give what `compare` was given one by one, with the labels of mappings."""
    for one in runs:
        if not isinstance(one, Mapping):
            yield None, one
            continue
        for label, run in one.items():
            if not (isinstance(label, str) and label.strip()):
                raise ConfigError(f"runs: got {label!r} as a label, expected a name: compare({{'mine': run}})")
            yield label, run


def _check_seeds(found: Sequence[Trained], labels: Sequence[str], images: Sequence[str]) -> None:
    """Raise ConfigError where two runs are one training: the same network, images, seed and number of threads."""
    seen: dict[tuple[object, ...], Path] = {}
    for one, label, name in zip(found, labels, images, strict=True):
        seed, threads = one.result["seed"], one.result.get("threads")
        other = seen.setdefault((label, name, seed, threads), one.folder.path)
        if other != one.folder.path:
            raise ConfigError(
                f"runs: got {other} and {one.folder.path}, both of {label} from seed {seed} in the same number of "
                "threads, expected each training once; networks that differ in code alone need labels: "
                "compare({'mine': run, ...})"
            )


def _found(one: Run | str | Path) -> Iterator[Trained]:
    """Give the runs of an argument: a run, that of a folder, or those of the folders in it."""
    if isinstance(one, Run):
        folder = RunFolder(one.folder)
        yield Trained(folder, one.result, folder.read_settings(), one)
        return
    path = path_of("runs", one)
    inside = [] if not path.is_dir() else sorted(file.parent for file in path.rglob("result.json") if file.is_file())
    # What is no run says so in an error of its own.
    for place in inside if inside and path not in inside else [path]:
        folder = RunFolder(place)
        yield Trained(folder, folder.read_result(), folder.read_settings(), None)


def _unfinished(given: Sequence[Run | str | Path]) -> Iterator[str]:
    """Say which runs in the folders that were given have no result."""
    for one in given:
        settings = [] if isinstance(one, Run) else sorted(path_of("runs", one).rglob("settings.yaml"))
        for folder in (RunFolder(file.parent) for file in settings):
            if not folder.result.is_file() and _is_run(folder):
                yield f"left out: {folder.path} is not finished; go on with sqnn.resume({str(folder.path)!r})"


def _is_run(folder: RunFolder) -> bool:
    """Say whether a folder with settings is that of a run, and not that of a study."""
    try:
        folder.read_settings()
    except RunError:
        return folder.checkpoints.exists()
    return True


def _images(found: Sequence[Trained]) -> list[str]:
    """Return what the images of each run are called: their name, and digits of their digest where others have it."""
    each = [(str(one.result["data"]), str(one.settings.get("data_sha256") or "unknown")) for one in found]
    digests = {name: [digest for other, digest in each if other == name] for name, _ in each}
    several = {name for name, own in digests.items() if len(set(own)) > 1}
    return [f"{name} ({_short(digest, digests[name])})" if name in several else name for name, digest in each]


def _short(value: object, others: Iterable[object]) -> str:
    """Return a value as text, a SHA-256 by as many of its first digits as tell it from others, SHORTENED at least."""
    text, known = str(value), {str(other) for other in others}
    if not SHA256.fullmatch(text):
        return text
    enough = (n for n in range(SHORTENED, len(text)) if not any(o.startswith(text[:n]) for o in known - {text}))
    return text[: next(enough, len(text))]


def _labels(found: Sequence[Trained]) -> list[str]:
    """Return what each run is called: its label in a comparison or its network, and what those of this name vary."""
    options = [{**one.network, **{name: plain(value) for name, value in one.training.items()}} for one in found]
    bases = [one.label or label_beside(one.folder.path) or str(one.result["model"]) for one in found]
    labels = []
    for base, own in zip(bases, options, strict=True):
        alike = [other for name, other in zip(bases, options, strict=True) if name == base]
        names = dict.fromkeys(name for other in alike for name in other)
        varied = [name for name in names if len({other.get(name) for other in alike}) > 1]
        labels.append(
            ":".join(
                [base, *(f"{name}={_short(own.get(name), (other.get(name) for other in alike))}" for name in varied)]
            )
        )
    return labels


def _row(trained: Trained, label: str, images: str) -> Row:
    result, training = trained.result, trained.training
    return {
        "model": label,
        "data": images,
        "seed": int(result["seed"]),
        "parameters": int(result["parameters"]["total"]),
        **{part: int(result["parameters"][part]) for part in PARTS},
        "validation_accuracy": float(result["validation_accuracy"]),
        "test_accuracy": float(result["test_accuracy"]),
        "seconds": float(result["seconds"]),
        **{name: training.get(name) for name in SHOWN},
        "failure": "; ".join(result.get("warnings", ())),
        "machine": result.get("machine"),
        "folder": str(trained.folder.path),
    }


def _network(trained: Trained) -> nn.Module:
    """Return the network of a run."""
    return trained.folder.read_network(trained.result) if trained.run is None else trained.run.model


def _costs(model: nn.Module, data: ImageData) -> Row:
    """Return what a network costs on images."""
    spent = operations(model, data)
    totals = {name: spent.total(name) for name in ("accumulates", "multiply_accumulates")}
    return {**totals, "energy": spent.energy(), "effective": None}


def _effective(model: nn.Module, data: ImageData) -> tuple[int | None, str]:
    """Return the effective parameters of a network, and what is to be said of them: why there are none, or a bound."""
    try:
        measured = effective_parameters(model, data.train)
    except ConfigError as error:
        return None, str(error)
    return measured.rank, "" if measured.settled else str(measured)


def _settings(found: Sequence[Trained], labels: Sequence[str]) -> Any:
    """Return the settings of the trainings in which networks differ, and the rates, one row per network."""
    import pandas as pd

    each = {label: one.training for one, label in zip(found, labels, strict=True)}
    names = dict.fromkeys(name for own in each.values() for name in own)
    shown = [n for n in names if n in SHOWN or len({str(own.get(n)) for own in each.values()}) > 1]
    return pd.DataFrame([{"model": label, **{name: own.get(name) for name in shown}} for label, own in each.items()])


def _notes(found: Sequence[Trained], labels: Sequence[str], images: Sequence[str]) -> Iterator[str]:
    """Say in what runs differ that a comparison should have in common."""
    if len(set(images)) > 1:
        yield f"images differ: {', '.join(sorted(set(images)))}; networks are compared on each by itself"
    seeds: dict[tuple[str, str], set[int]] = {}
    for one, label, name in zip(found, labels, images, strict=True):
        seeds.setdefault((label, name), set()).add(int(one.result["seed"]))
    if len({frozenset(own) for own in seeds.values()}) > 1:
        told = (f"{label} on {name} {', '.join(map(str, sorted(own)))}" for (label, name), own in seeds.items())
        yield f"seeds differ: {'; '.join(told)}"
    machines = {(one.result.get("machine"), one.result.get("threads")) for one in found}
    if len(machines) > 1:
        yield "machines or threads differ: times do not compare"
    if len({one.result.get("kernels") for one in found}) > 1:
        yield "compiled kernels differ: their sums are rounded otherwise, and times do not compare"
    each = {label: one.training for one, label in zip(found, labels, strict=True)}
    for name in dict.fromkeys(name for own in each.values() for name in own):
        values = {label: own.get(name) for label, own in each.items()}
        if len({str(value) for value in values.values()}) > 1:
            yield f"{name} differs: {', '.join(f'{value} ({label})' for label, value in values.items())}"
