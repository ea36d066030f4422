"""Noise sweep: measurements of trained networks as the noise of their circuits grows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import noise_models
from circuits import ENGINES, RuntimeEngine
from noise_models import KINDS
from sqnn.core import ConfigError, Row, brief, option, write_text
from sqnn.data import SPLITS, ImageData
from sqnn.models import circuits_of
from sqnn.studies.noise_sweep.cells import SweepCell, Task, measure, noisy_network
from sqnn.studies.noise_sweep.columns import KEY, OLDER, SCHEMA
from sqnn.studies.noise_sweep.grid import parse_strengths, split_names
from sqnn.studies.noise_sweep.networks import Subject, open_subjects
from sqnn.studies.noise_sweep.packed import PackedNetwork
from sqnn.studies.noise_sweep.sources import Source, built_noise, named_noise, second_noise
from sqnn.studies.noise_sweep.summary import summarise_sweep
from sqnn.studies.runner import Panel, Study, StudyError

if TYPE_CHECKING:
    import pandas as pd

    from sqnn.models import Make

DEFAULT_STRENGTH = "0:0.2:0.02"
MAX_SEEDS = 1_000_000
FINGERPRINT = 16
"""Hexadecimal digits of a row's fingerprint; 64 bits tell a billion measurements apart."""

MACHINE = "runtime"
"""The engine that runs on machines."""

SweepError = StudyError


@dataclass(frozen=True, kw_only=True)
class NoiseSweep(Study[Sequence[Subject], SweepCell]):
    """Measure trained networks while the noise of their circuits grows: every noise, strength, engine and draw.

    The strength of a noise that is named alone (depolarizing, amplitude-damping, readout, ...) is its parameter:
    `--noise depolarizing --strength 0.05` is depolarizing:0.05, and amplitude-damping+readout:0.02 keeps its readout.
    Everything else (paper, a chip such as torino, readout:0.02, depolarizing:0.01+readout:0.02, a file noise.json) is
    multiplied by it, all error rates and gate times alike: 0 is no noise, 1 the noise as it is calibrated, 2 twice
    that.

    With --second there are two strengths, of the two kinds named alone: `--noise amplitude-damping+readout --strength
    0:0.2:0.05 --second 0:0.1:0.02` measures every pair of them, and the picture is a heat map.

    Several networks on one line of the picture (the same architecture, other seeds) get a 95 % band over the networks,
    one network with several draws over the draws, one measurement the interval of its number of images.

    The engine runtime runs the circuits as Qiskit primitives on the machine that a noise was calibrated on (torino: the
    snapshot of it; account:ibm_torino: the machine itself, which takes --yes and --jobs; other noise: an Aer
    simulator), and the exact prediction under that noise is measured beside it.

    Every finished row is on the disk. The same command again goes on where it was stopped, and computes nothing twice.

    Examples:

    sqnn noise-sweep runs/mnist-0

    sqnn noise-sweep runs/mnist-0 runs/mnist-1 runs/mnist-2 --noise depolarizing,amplitude-damping

    sqnn noise-sweep runs/mnist-0 --noise torino,paper --strength 0:2:0.25 --engine lightcone,aer --images 100

    sqnn noise-sweep runs/mnist-0 --noise depolarizing:0.01,on=id --noise readout --shots 1024 --seeds 3

    sqnn noise-sweep runs/mnist-0 --noise torino --strength 1 --engine runtime --shots 4096 --images 50 --jobs jobs

    sqnn noise-sweep runs/mine --model networks:make --noise amplitude-damping

    sqnn noise-sweep runs/mnist-0 --scheduler tcp://node1:8786 --table results.csv
    """

    name = "noise-sweep"
    title = "accuracy under noise"
    columns = SCHEMA.columns
    figure = "sqnn.studies.noise_sweep.figure:plot_sweep"
    rows_class = "sqnn.studies.noise_sweep.frame:SweepFrame"
    key = KEY
    older = OLDER
    file = "rows.csv"
    takes = "networks"
    texts = MappingProxyType({"noise": list[str], "strength": tuple[str, ...], "second": tuple[str, ...]})
    noun = "sweep"
    processes = None
    shared = True
    alone = True

    noise: tuple[Any, ...] = option(
        ("depolarizing",), f"noises, with commas or the option repeated: {', '.join(KINDS)}, a chip, ..."
    )
    strength: tuple[float, ...] = option(DEFAULT_STRENGTH, "strengths: start:stop:step or numbers with commas")
    second: tuple[float, ...] = option((), "strengths of the second of two kinds, each with all of the first")
    engine: tuple[str, ...] = option(("lightcone",), "engines that evaluate the circuit, with commas", among=ENGINES)
    shots: int | None = option(None, "shots an expectation is estimated from; exact where left out", least=1)
    seeds: int = option(1, "repetitions with shots, draws 0, 1, ...", least=1, most=MAX_SEEDS)
    images: int | None = option(None, "only the first so many images of the split", least=1)
    split: str = option("test", "which images", among=SPLITS)
    jobs: str | None = option(None, "folder of the jobs of the engine runtime, where nothing is lost or sent twice")
    yes: bool = option(False, "let the engine runtime send jobs to machines that may cost money")

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", split_names(self.noise, "noise"))
        for name in ("strength", "second"):
            value = vars(self)[name]
            words = isinstance(value, tuple) and {str} == set(map(type, value))
            if name == "strength" or value not in ((), None):
                value = parse_strengths(",".join(map(str, value)) if words else value, name)
            object.__setattr__(self, name, value or ())
        object.__setattr__(self, "engine", split_names(self.engine, "engine"))
        super().__post_init__()

    @property
    def draws(self) -> tuple[int | None, ...]:
        """The repetitions of every measurement: exact expectations have none."""
        return (None,) if self.shots is None else tuple(range(self.seeds))

    def prepare(
        self,
        models: object,
        data: ImageData | None = None,
        data_dir: str | Path | None = None,
        model: Make | None = None,
    ) -> list[Subject]:
        return open_subjects(models, data, self.split, self.images, data_dir, model)

    def cells(self, subjects: Sequence[Subject]) -> list[SweepCell]:
        """List the measurements in their order: network, noise, strength, engine, draw.

        Every noise is built at every strength, and every engine at the largest. Raises ValueError where that is
        impossible: a strength beyond physics, an unknown name, a chip without enough qubits.
        """
        named = [named_noise(noise) for noise in self.noise]
        if self.second:
            named = [second_noise(*each, strength) for each in named for strength in self.second]
        for label, _ in named:
            if [other for other, _ in named].count(label) > 1:
                raise ConfigError(
                    f"noise: got two noises called {brief(label)}, expected functions with names of their own, or "
                    "names in a mapping: noise={'mine': ...}"
                )
        cells: list[SweepCell] = []
        built: dict[tuple[Source, float, int, str], str] = {}
        jobs = None if self.jobs is None else str(Path(self.jobs).absolute())
        for number, subject in enumerate(subjects):
            for (label, source), strength in product(named, self.strength):
                meant = ""
                for register in subject.registers:
                    sort = source, strength, *register
                    if sort not in built:  # the qubits of a chip take a while to choose
                        built[sort] = self._kept(label, *sort).to_json()
                    if meant not in ("", built[sort]):
                        raise ConfigError(
                            f"noise: {label} is other noise for each of the {len(subject.registers)} sorts of circuits "
                            f"in {subject.label}, expected kinds that are the same for all, such as depolarizing"
                        )
                    meant = built[sort]
                digest = hashlib.sha256(f"{subject.fingerprint} {meant}".encode()).hexdigest()[:FINGERPRINT]
                runs = [(engine, self.shots, draw) for engine, draw in product(self.engine, self.draws)]
                if MACHINE in self.engine:  # the prediction beside the machine
                    runs = list(dict.fromkeys([("lightcone", None, None), *runs]))
                cells += [
                    SweepCell(number, subject.label, label, strength, *run, meant, digest, jobs, self.yes)
                    for run in runs
                ]
        self._try(subjects, cells)
        return cells

    def _try(self, subjects: Sequence[Subject], cells: Sequence[SweepCell]) -> None:
        """Build every engine at the largest strength, and on machines at all; say what machines would be sent."""
        tried: dict[tuple[object, ...], list[SweepCell]] = {}
        for cell in cells:
            if cell.strength == max(self.strength) or cell.engine == MACHINE:
                strength = cell.strength if cell.engine == MACHINE else None
                network = subjects[cell.subject].network
                alike = network.config if isinstance(network, PackedNetwork) else cell.subject
                sort = alike, cell.noise, cell.engine, cell.shots, strength
                tried.setdefault(sort, []).append(cell)
        for same in tried.values():
            subject = subjects[same[0].subject]
            if same[0].engine == MACHINE and not isinstance(subject.network, PackedNetwork):
                raise ConfigError(
                    f"engine: got {MACHINE} for {subject.label}, expected a network of the package, whose number of "
                    "circuits per image is known before they are sent"
                )
            for circuit in circuits_of(noisy_network(subject.network, same[0])):
                if isinstance(circuit.engine, RuntimeEngine):
                    circuit.engine.ask(sum(len(subjects[cell.subject].images) for cell in same))

    def _kept(self, label: str, source: Source, strength: float, n_qubits: int, entangler: str) -> noise_models.Noise:
        """Return the noise of a source, that of an account's machine as it was when its first jobs were drawn up.

        A later calibration may choose other qubits, for which everything would be sent again.
        """
        if self.jobs is None or not isinstance(source, str) or f"{noise_models.ACCOUNT}:" not in source.lower():
            return built_noise(label, source, strength, n_qubits, entangler)
        name = noise_models.digest([source, strength, n_qubits, entangler])[:FINGERPRINT]
        path = Path(self.jobs) / f"noise-{name}.json"
        if path.exists():
            return noise_models.parse_noise(str(path))
        noise = built_noise(label, source, strength, n_qubits, entangler)
        write_text(path, noise.to_json())
        return noise

    @staticmethod
    def measure(cell: SweepCell, subject: Task) -> Row:  # type: ignore[override]
        return measure(subject, cell)  # a function of its own: the study is not sent to workers

    def identify(self, cell: SweepCell) -> Row:
        return cell.columns

    def shared_columns(self, subject: Sequence[Subject], cell: SweepCell) -> Row:
        return subject[cell.subject].columns

    def share(
        self, subject: Sequence[Subject], cells: Sequence[SweepCell], folder: Path | None
    ) -> list[tuple[Task, SweepCell]]:
        """Evaluate the front-ends of the networks that still have something to be measured."""
        tasks = {number: _task(subject[number]) for number in dict.fromkeys(cell.subject for cell in cells)}
        return [(tasks[cell.subject], cell) for cell in cells]

    def tell(self, cell: SweepCell, rows: Sequence[Row]) -> str:
        return ": ".join([str(cell), *(f"{row['accuracy']:.2%}" for row in rows)])

    def describe(self, subject: Sequence[Subject]) -> dict[str, object]:
        words = [noise if isinstance(noise, str) else named_noise(noise)[0] for noise in self.noise]
        networks = [str(each.path.resolve()) if each.path else f"{each.label} {each.fingerprint}" for each in subject]
        left = {"jobs", "yes", *(() if self.second else ("second",))}
        sweep = {name: value for name, value in self.to_dict().items() if name not in left}
        return {"sweep": {**sweep, "noise": words}, "networks": networks, "data": subject[0].named}

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        return summarise_sweep(rows)

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        """Yield one table per noise: strengths in rows, lines in columns."""
        for noise, part in summarise_sweep(rows).groupby("noise", sort=False):
            columns = list(dict.fromkeys(part.line))
            cells = {
                (row["strength"], row["line"]): "{:.2f} [{:.1f}, {:.1f}] %".format(
                    *(100 * row[name] for name in ("accuracy", "low", "high"))
                )
                for row in part.to_dict("records")
            }
            lines = [
                (f"{strength:g}", *(cells.get((strength, line), "-") for line in columns))
                for strength in dict.fromkeys(part.strength)
            ]
            over = " and ".join(f"over {name}" for name in dict.fromkeys(part.over))
            meaning = noise_models.strength_label(str(noise)).translate({ord(character): None for character in "$\\{}"})
            yield Panel(f"{noise}: accuracy, 95 % ({over}); strength: {meaning}", ("strength", *columns), lines)


def _task(subject: Subject) -> Task:
    network, images = subject.network, subject.images
    return Task(network, network.inputs(images), images.labels.numpy())
