"""Study of a training's luck: the same network trained from many seeds, on one thread and on several."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
import time
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sqnn.core import ConfigError, Row, commit, cores, machine, option
from sqnn.data import FRAMED, SEED_LIMIT, ImageData
from sqnn.metrics import count
from sqnn.models import MODELS, create_model
from sqnn.studies.runner import Panel, Study, finished_run, kinds, t_interval
from sqnn.studies.seeds.settings import Plan, as_flags, as_text, check_name, parse_seeds, parse_variants, plan
from sqnn.training import NotFiniteError, versions

if TYPE_CHECKING:
    import pandas as pd


ALL = "all"
"""The line of a summary over all numbers of threads."""
COLUMNS = kinds(
    "variant: str; seed threads: int; model data: str; classes parameters: int; best_epoch: int?; "
    "validation_accuracy test_accuracy test_loss seconds: float; collapsed: int; note: str; "
    "commit machine: str; cores: int; versions command settings: str"
)
"""Every column and the kind of its values.

Accuracies are fractions and the loss is a mean cross-entropy in nats, both of the weights of `best_epoch`, the epoch
that did best on validation images; the test images were read once. `collapsed` is 1 where the training warned or ended
with numbers that are not finite, which `note` tells; in the latter case accuracies and loss are missing. `seconds` are
those of training and evaluation, since its last interruption. `command` repeats the one training, `settings` are all of
its settings but seed and threads, defaults included.
"""


class SeedCell(NamedTuple):
    """One training; `settings` are all of its variant's."""

    variant: str
    seed: int
    threads: int
    settings: str

    @property
    def folder(self) -> str:
        """The folder of the run, within that of the runs."""
        digest = hashlib.sha256(self.settings.encode()).hexdigest()[:8]
        return f"{re.sub(r'[^a-z0-9]+', '-', self.variant.lower()).strip('-')}-{digest}/{self.threads}-{self.seed}"


class SeedSubject(NamedTuple):
    """The images of a study, and all settings of each of its variants as text."""

    data: ImageData
    settings: dict[str, str]


Trained = tuple[ImageData, Path]
"""The images of a study and the folder of its runs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeedStudy(Study[SeedSubject, SeedCell]):
    """Train one network once per seed and number of threads, and tell how far its accuracies lie apart.

    It takes every option of `sqnn train` that makes the network or the training. Variants differ from it in the
    settings that they name, and each of them is trained from every seed: that is an ablation. The epoch is chosen on
    validation images, and the test images are read once per training.

    The trainings run side by side, as many as there are cores for all their threads. Every finished one is on the disk:
    the same command goes on where it was stopped, within a training too, and with more seeds, threads or variants it
    trains only what is new.

    Examples:

    sqnn study seeds --data digits --epochs 60 --batch-size 32 --seeds 0:10 --threads 1,2

    sqnn study seeds --epochs 60 --seeds 5 --vary "recipe:" --vary "spikes: readout=spike learning_rate=0.01"
    """

    name = "seeds"
    title = "test accuracy over the seeds"
    columns = COLUMNS
    figure = "sqnn.studies.seeds.figure:plot_seeds"
    rows_class = "sqnn.studies.seeds.frame:SeedFrame"
    key = SeedCell._fields
    axes = ("seeds", "threads", "vary")
    file = "rows.csv"
    takes = "data"
    again = "the runs beside it fill it again"
    needs_folder = True
    processes = None
    trains = True
    texts = MappingProxyType({"seeds": tuple[str, ...], "vary": list[str]})

    model: str = option("sqdr-cnn", "network", among=MODELS)
    seeds: tuple[int, ...] = option(
        (0, 1, 2, 3, 4), "seeds: how many (5), from:to (0:10 is 0 to 9), or a list", least=0, most=SEED_LIMIT - 1
    )
    threads: tuple[int, ...] = option((1,), "threads that a training computes in, with commas", least=1, most=1024)
    vary: Any = option((), "a variant, 'NAME: setting=value setting=value'; the option is given once for each")
    settings: Any = option(None, "settings of all trainings by name, as `sqnn train` takes them (default: its own)")

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", parse_seeds(self.seeds))
        object.__setattr__(self, "vary", parse_variants(self.vary, self.model))
        object.__setattr__(self, "settings", dict(self.settings or {}))
        super().__post_init__()

    @classmethod
    def read(cls, values: Mapping[str, object]) -> Self:
        """Build from options by name; those that are not the study's own are settings of its trainings."""
        own = [field.name for field in dataclasses.fields(cls)]
        settings = {name: value for name, value in values.items() if name not in own}
        for name in settings:
            check_name(name, own)
        given = {name: value for name, value in values.items() if name in own}
        return super().read(
            {**given, "settings": {**typing.cast("Mapping[str, object]", given.get("settings") or {}), **settings}}
        )

    def validate(self) -> None:
        super().validate()
        object.__setattr__(self, "threads", tuple(dict.fromkeys(self.threads)))
        for name in self.vary:
            try:
                self.plan(name)
            except ConfigError as error:
                raise ConfigError(f"vary: {name}: {error}" if self.vary[name] else str(error)) from error

    def asked(self, variant: str) -> dict[str, object]:
        """Return the settings of a variant that are given, its network first."""
        return {"model": self.model, **self.settings, **self.vary[variant]}

    def plan(self, variant: str) -> Plan:
        """Return what a variant trains."""
        return plan(self.asked(variant))

    def prepare(self, data: ImageData) -> SeedSubject:
        return SeedSubject(data, {name: as_text(self.plan(name).resolve(data)) for name in self.vary})

    def cells(self, subject: SeedSubject) -> list[SeedCell]:
        """List the trainings: all variants of one seed before those of the next."""
        return [
            SeedCell(variant, seed, count, settings)
            for count in self.threads
            for seed in self.seeds
            for variant, settings in subject.settings.items()
        ]

    def threads_of(self, cell: SeedCell) -> int:
        return cell.threads

    def share(
        self, subject: SeedSubject, cells: Sequence[SeedCell], folder: Path | None
    ) -> list[tuple[Trained, SeedCell]]:
        if folder is None:
            raise ConfigError("out: got None, expected a folder, which the runs of the trainings are kept in")
        trained = (subject.data, folder.resolve() / "runs")
        return [(trained, cell) for cell in cells]

    def measure(self, cell: SeedCell, subject: Trained) -> Row:
        data, runs = subject
        chosen = self.plan(cell.variant)
        model = create_model(chosen.model, data, seed=cell.seed, **chosen.network)
        row: Row = {
            "classes": data.num_classes,
            "parameters": count(model).total,
            "collapsed": 1,
            "commit": commit(),
            "machine": machine(),
            "cores": cores(),
            "versions": _words(versions()),
        }
        varied = {"seed": cell.seed, "threads": cell.threads}
        began = time.perf_counter()
        try:
            run = finished_run(runs / cell.folder, model, data, {**chosen.training, **varied})
        except NotFiniteError as error:
            return {**row, "note": " ".join(str(error).split()), "seconds": time.perf_counter() - began}
        notes = [" ".join(str(warning).split()) for warning in run.result.get("warnings", ())]
        return {
            **row,
            **{name: run.result[name] for name in ("best_epoch", "test_loss", "seconds", "machine", "cores")},
            "versions": _words(run.result["versions"]),
            "validation_accuracy": run.validation_accuracy,
            "test_accuracy": run.test_accuracy,
            "collapsed": int(bool(notes)),
            "note": "; ".join(notes),
        }

    def shared_columns(self, subject: SeedSubject, cell: SeedCell) -> Row:
        asked = self.asked(cell.variant)
        source = dict(subject.data.source or {"name": subject.data.name})
        place = {"data_dir": "DIR"} if source.pop("data_dir", None) else {}
        where = {"data": source.pop("name"), **place, **_flags(source)}
        varied = {"seed": cell.seed, "threads": cell.threads}
        command = f"sqnn train {as_flags({'model': asked.pop('model'), **where, **asked, **varied})}"
        return {"model": self.plan(cell.variant).model, "data": subject.data.name, "command": command}

    def tell(self, cell: SeedCell, rows: Sequence[Row]) -> str:
        name = f"{cell.variant}, seed {cell.seed}, {_threads(cell.threads)}"
        return ": ".join(
            [name, *("failed" if r.get("test_accuracy") is None else f"{r['test_accuracy']:.2%}" for r in rows)]
        )

    def describe(self, subject: SeedSubject) -> dict[str, object]:
        data = {"name": subject.data.name, "sha256": subject.data.fingerprint}
        return {"study": self.name, "model": self.model, "settings": _as_lists(self.settings), "data": data}

    @classmethod
    def flaw(cls, row: Row) -> str:
        return "" if row["collapsed"] and row["test_accuracy"] is None else super().flaw(row)

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the distribution of the test accuracy by variant, for each number of threads and for all together.

        Columns: variant, threads, n (trainings with an accuracy), mean, std (of the sample; nan for one), least and
        largest, low and high (95 % interval of the mean by Student's t; nan for one), validation (mean of the chosen
        epochs), collapsed (how many trainings did), seconds (mean), machine, cores, versions, command (of the study).
        """
        import pandas as pd

        lines = []
        for variant, group in rows.groupby("variant", sort=False):
            parts = [(str(number), part) for number, part in group.groupby("threads")]
            for number, part in [*parts, *([(ALL, group)] if len(parts) > 1 else [])]:
                values = part.test_accuracy.dropna()
                low, high = t_interval(list(values)) if len(values) > 1 else (math.nan, math.nan)
                lines.append(
                    {
                        "variant": variant,
                        "threads": number,
                        "n": len(values),
                        "mean": float(values.mean()),
                        "std": float(values.std(ddof=1)),
                        "least": float(values.min()),
                        "largest": float(values.max()),
                        "low": low,
                        "high": high,
                        "validation": float(part.validation_accuracy.mean()),
                        "collapsed": int(part.collapsed.sum()),
                        "seconds": float(part.seconds.mean()),
                        **{name: _values(part[name]) for name in ("machine", "cores", "versions")},
                        "command": command_of(part),
                    }
                )
        return pd.DataFrame(lines)

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        """Yield the distributions, the trainings that collapsed, and commands, machine and versions to publish."""
        summary = cls.summary(rows)
        columns = ("variant", "threads", "n", "mean ± std", "range", "95 % of mean")
        lines = [
            (
                *(row[name] for name in ("variant", "threads", "n")),
                f"{100 * row['mean']:.2f} ± {100 * row['std']:.2f}",
                *(f"{100 * row[a]:.2f} to {100 * row[b]:.2f}" for a, b in (("least", "largest"), ("low", "high"))),
            )
            for row in summary.to_dict("records")
        ]
        yield Panel(f"test accuracy on {_values(rows.data)} (%)", columns, lines)
        for row in rows[rows.collapsed > 0].to_dict("records"):
            yield f"collapsed: {row['variant']}, seed {row['seed']}, {_threads(row['threads'])}: {row['note']}"
        for line in summary.drop_duplicates("variant", keep="last").to_dict("records"):
            yield f"{line['variant']}: {line['command']}"
        yield f"{_values(rows.machine)}, {_values(rows.cores)} cores; {rows.seconds.mean():.0f} s per training"
        yield _values(rows.versions)


summarise_seeds = SeedStudy.summary


def command_of(rows: pd.DataFrame) -> str:
    """Return the command of the study that makes these rows of one variant."""
    train = re.sub(r" --(seed|threads) \d+", "", rows.command.iloc[0]).replace("sqnn train", "sqnn study seeds", 1)
    seeds = sorted(set(rows.seed))
    whole = f"{seeds[0]}:{seeds[-1] + 1}"
    listed = whole if seeds == list(range(seeds[0], seeds[-1] + 1)) else ",".join(map(str, seeds))
    return f"{train} --seeds {listed} --threads {','.join(map(str, sorted(set(rows.threads))))}"


def _threads(number: int) -> str:
    return f"{number} thread{'s' if number > 1 else ''}"


def _values(column: pd.Series) -> str:
    return ", ".join(dict.fromkeys(map(str, column)))


def _words(versions: Mapping[str, str]) -> str:
    return " ".join(f"{name}={version}" for name, version in versions.items())


def _as_lists(settings: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def _flags(source: Mapping[str, Any]) -> dict[str, object]:
    """Return the options of images, as `sqnn train` takes them; of a path no more than its name is published."""
    names = {"size": "size", "channels": "in_channels", "validation": "validation"}
    names |= {name: name for name in ("synthetic", *FRAMED) if name != "timesteps"}
    own = {flag: source[name] for name, flag in names.items() if name in source}
    return {**own, "size": "{}x{}".format(*source["size"])} if "size" in source else own
