"""Whatever stops a command at whatever file it writes, the same command, or --resume, ends as if nothing had happened.

Killed, Ctrl-C, SIGTERM, a full disk and one that became read-only. After each of them: no result is lost, no folder is
stuck, nothing is left half written, and what was said is one line and true.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from faults import FAULTS, RUNS_OUT, STOPS, Outcome, contents, lines, load, run

import sqnn
from circuits.plotting import Picture

SMALL = "--channels 2 --n-qubits 2 --n-blocks 1 --batch-size 4 --no-progress --accelerator cpu"
COMMANDS = {
    "train": f"train {SMALL} --epochs 2 --out out --json told.json",
    "train --init": f"train {SMALL} --epochs 1 --seed 3 --init given.safetensors --out out --json told.json",
    "noise-sweep": "noise-sweep given.safetensors --data digits --strength 0,0.2 --workers 0 --no-progress --out out "
    "--json told.json",
    "convert": "convert levels.safetensors --images 4 --no-progress --out spiking.safetensors --json told.json",
    "study layers": "study layers --width 1 --hidden 4 --images 4 --seeds 1 --surrogates detached --variants hybrid "
    "--no-progress --out out --json told.json",
    "study encoders": "study encoders --width 1 --hidden 4 --train-images 4 --epochs 1 --batch-size 2 --seeds 1 "
    "--variants no-snn --no-progress --out out --json told.json",
}
RESUMED = "train --resume out --no-progress --accelerator cpu --json told.json"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with networks to begin with; until the end the digits are a few images, and pictures are soon drawn."""
    place = tmp_path_factory.mktemp("faults")
    digits = sqnn.load_data("digits")
    few = replace(digits.subset(train=8, validation=4, test=4))

    def load(name: str = "digits", *arguments: object, **options: object) -> sqnn.ImageData:
        return few

    def quick(*arguments: object, **options: object) -> Picture:
        return Picture(figsize=(0.5, 0.5))

    with pytest.MonkeyPatch.context() as patched:
        object.__setattr__(few, "source", digits.source)
        for name in ("sqnn.data.load_data", "sqnn.training.folder.load_source"):
            patched.setattr(name, load)
        for name in ("sqnn.training.run.plot_run", "sqnn.studies.runner.study.Study.plot"):
            patched.setattr(name, quick)
        options = {"channels": (2,), "n_qubits": 2, "n_blocks": 1}
        sqnn.save_model(sqnn.create_model("sqdr-cnn", few, seed=9, **options), place / "given.safetensors")
        levels = {"activation": "qcfs", "timesteps": 2, "width_multiplier": 0.125}
        sqnn.save_model(sqnn.create_model("vgg11", few, **levels), place / "levels.safetensors")
        yield place


def fresh(world: Path) -> Path:
    """A new folder to run a command in, at the place of the one before: some files name it."""
    root = world / "work"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for given in world.glob("*.safetensors"):
        shutil.copy(given, root)
    return root


class Undisturbed(dict[str, tuple[dict[str, object], list[str]]]):
    """What the files of a command say, and the changes that it makes, without any fault."""

    def __init__(self, world: Path) -> None:
        self.world = world

    def __missing__(self, command: str) -> tuple[dict[str, object], list[str]]:
        root = fresh(self.world)
        outcome = run(COMMANDS[command].split(), root)
        assert (outcome.code, outcome.errors) == (0, ""), (command, outcome.code, outcome.errors)
        load(outcome.modules)
        self[command] = (contents(root), outcome.changes)
        return self[command]


@pytest.fixture(scope="module")
def undisturbed(world: Path) -> Undisturbed:
    return Undisturbed(world)


def again(command: str, root: Path) -> Outcome:
    """Go on as the user is told to: --resume where there is a run, else the same command."""
    resumes = command.startswith("train") and (root / "out" / "settings.yaml").is_file()
    return run((RESUMED if resumes else COMMANDS[command]).split(), root)


def said_the_truth(command: str, fault: str, outcome: Outcome, root: Path) -> None:
    """One line, the exit code of the fault, and no hint that does not hold."""
    if fault == "kill":
        assert (outcome.code, outcome.errors) == (-signal.SIGKILL, "")
        return
    (line,) = lines(outcome.errors)
    if fault in STOPS:
        assert outcome.code == 128 + STOPS[fault]
        assert line.startswith("sqnn: interrupted" if fault == "interrupt" else "sqnn: terminated")
    else:
        assert outcome.code == 2
        reason = {"full": "No space left on device", "read-only": "Read-only file system"}[fault]
        assert re.match(rf"sqnn: \w+: cannot write [^ ]*/?[^ ]+ \({reason}\); (make room|choose)", line), line
    run_there = (root / "out" / "settings.yaml").is_file() and command.startswith("train")
    unfinished = run_there and not (root / "out" / "result.json").is_file()
    assert ("--resume" in line) == unfinished or (fault in RUNS_OUT and not run_there), line
    if "goes on with the same command" in line:
        assert command.split()[0] in ("noise-sweep", "study")
        assert (root / "out" / "settings.yaml").is_file()


def survives(command: str, fault: str, at: int, world: Path, undisturbed: Undisturbed) -> str:
    """Let the fault happen and go on; return what went wrong, nothing if all is well."""
    files, _ = undisturbed[command]
    root = fresh(world)
    outcome = run(COMMANDS[command].split(), root, fault, at)
    if outcome.code == 0 and fault != "kill":
        return "" if contents(root) == files else "ended well, with other files"  # the last change, or one beside it
    try:
        said_the_truth(command, fault, outcome, root)
    except (AssertionError, ValueError) as error:
        return f"said {outcome.code} {outcome.errors!r} ({str(error).splitlines()[0] if str(error) else error!r})"
    left = [path.name for path in root.rglob("*.partial")]
    if fault != "kill" and left:
        return f"left {left}"
    after = again(command, root)
    if after.code != 0 or after.errors:
        return f"stuck: {after.code} {after.errors}"
    left = [path.name for path in root.rglob("*.partial")]
    there = contents(root)
    other = sorted(name for name in {**files, **there} if files.get(name) != there.get(name))
    return f"left {left}" if left else f"lost: {other}" if other else ""


def points(changes: Sequence[str], kinds: Sequence[str]) -> list[int]:
    """The last change of each of these kinds, of each file."""
    return sorted({change: at for at, change in enumerate(changes) if change.split()[0] in kinds}.values())


def failures(
    commands: Sequence[str],
    faults: Sequence[str],
    world: Path,
    undisturbed: Undisturbed,
    kinds: Sequence[str] = ("open", "rename"),
) -> list[str]:
    """What went wrong with these faults before the last change of each kind of each file, where none: before any."""
    wrong = []
    for command in commands:
        changes = undisturbed[command][1]
        numbers = points(changes, kinds) if kinds else range(len(changes))
        for fault in faults:
            problems = {at: survives(command, fault, at, world, undisturbed) for at in numbers}
            wrong += [
                f"{command}, {fault} before {at} ({changes[at]}): {text}" for at, text in problems.items() if text
            ]
            print(
                f"{command} | {fault} | {len(problems)} points | {sum(map(bool, problems.values()))} wrong", flush=True
            )
    return wrong


def test_a_training_survives_a_kill_while_any_of_its_files_takes_its_place(world: Path, undisturbed) -> None:
    assert failures(["train --init"], ["kill"], world, undisturbed, ["rename"]) == []


def test_every_file_of_a_sweep_and_a_conversion_survives_a_kill(world: Path, undisturbed: Undisturbed) -> None:
    assert failures(["noise-sweep", "convert"], ["kill"], world, undisturbed) == []


@pytest.mark.slow
def test_every_file_of_a_conversion_survives_what_else_stops_it(world: Path, undisturbed: Undisturbed) -> None:
    assert failures(["convert"], [fault for fault in FAULTS if fault != "kill"], world, undisturbed) == []


@pytest.mark.slow
def test_every_command_survives_every_fault_at_every_change(world: Path, undisturbed: Undisturbed) -> None:
    assert failures(tuple(COMMANDS), FAULTS, world, undisturbed, ()) == []


def mount(place: Path, options: str) -> None:
    """Mount a file system in memory, or change the one that is there."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount a file system: {done.stderr.strip()}")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_system_that_fills_up_in_the_middle_of_a_file(
    world: Path, undisturbed: Undisturbed, command: str
) -> None:
    """With 0, 4, 8, ... KiB left: a write that fails half way, where the test above stops before a file is opened."""
    files, _ = undisturbed[command]
    wrong, stopped = [], 0
    for left in (0, *(4 * 2**number for number in range(10))):
        root = fresh(world)
        mount(root, "size=64M")
        try:
            for given in world.glob("*.safetensors"):
                shutil.copy(given, root)
            used = shutil.disk_usage(root).used // 1024
            mount(root, f"remount,size={used + left}k")
            outcome = run(COMMANDS[command].split(), root)
            stopped += outcome.code != 0
            mount(root, "remount,size=64M")
            if outcome.code and (outcome.code != 2 or len(lines(outcome.errors)) != 1):
                wrong.append(f"{left} KiB: said {outcome.code} {outcome.errors!r}")
            elif outcome.code and not re.search("No space left on device|is the disk full", outcome.errors):
                wrong.append(f"{left} KiB: said {outcome.errors!r}")
            elif partial := [path.name for path in root.rglob("*.partial")]:
                wrong.append(f"{left} KiB: left {partial}")
            elif outcome.code and (after := again(command, root)).code:
                wrong.append(f"{left} KiB: stuck: {after.errors}")
            elif contents(root) != files:
                wrong.append(f"{left} KiB: lost")
        finally:
            subprocess.run(["umount", str(root)], check=True)
    assert wrong == []
    assert stopped > 0
