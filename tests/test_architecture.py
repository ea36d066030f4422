"""What the source itself promises: who imports whom, how long a file is, what is never called."""

from __future__ import annotations

import ast
import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTIONS = ("noise_models", "circuits", "sqnn")

GLOBAL_RANDOM = ("torch.manual_seed", "torch.seed", "torch.set_rng_state", "np.random.seed", "numpy.random.seed")
MAX_LINES = 400


def sources(*folders: str, stubs: bool = False) -> list[Path]:
    """The Python files of folders, and with `stubs` the lists of names of lazy doors."""
    endings = (".py", ".pyi") if stubs else (".py",)
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.suffix in endings]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    """The syntax tree of each text of a file of the packages: those of a copy are mostly the same."""
    return {path.read_text(): ast.parse(path.read_text()) for path in sources(*DISTRIBUTIONS, stubs=True)}


def broken_contracts(root: Path) -> str:
    """What import-linter has to say of the packages in a folder against the contracts there; nothing if all hold."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    run = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"], cwd=root, capture_output=True, text=True, env={"PYTHONPATH": "."}
    )
    return "" if run.returncode == 0 else run.stdout + run.stderr


def test_the_contracts_of_imports_hold() -> None:
    assert broken_contracts(ROOT) == ""


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and their contracts in another place, to be broken there."""
    place = tmp_path_factory.mktemp("packages")
    shutil.copy(ROOT / "pyproject.toml", place)
    for name in DISTRIBUTIONS:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


@pytest.mark.parametrize(
    ("file", "line", "reported"),
    [
        ("circuits/layer.py", "import sqnn", "circuits.layer -> sqnn"),
        ("noise_models/checks.py", "from circuits import ReuploadLayer", "noise_models.checks -> circuits"),
        ("circuits/gate.py", "from circuits.layer import ReuploadLayer", "circuits.gate -> circuits.layer"),
        ("sqnn/neurons/lif.py", "from sqnn.encoding import Rate", "sqnn.neurons.lif -> sqnn.encoding"),
        ("sqnn/models/create.py", "def f():\n    from sqnn import training", "sqnn.models.create -> sqnn.training"),
        ("sqnn/models/create.py", "from ..training import fit", "sqnn.models.create -> sqnn.training"),
        ("sqnn/plasticity/rule.py", "from sqnn.metrics import count", "sqnn.plasticity.rule -> sqnn.metrics"),
        ("sqnn/metrics/parameters.py", "import sqnn.cli.app", "sqnn.metrics.parameters -> sqnn.cli.app"),
        ("sqnn/studies/__init__.py", "import sqnn.bench", "sqnn.studies -> sqnn.bench"),
        ("sqnn/elsewhere/__init__.py", "", "sqnn.elsewhere"),
        ("circuits/elsewhere.py", "", "circuits.elsewhere"),
    ],
)
def test_an_import_that_points_up_is_found(file: str, line: str, reported: str, copied: Path) -> None:
    path = copied / file
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        assert reported in " ".join(broken_contracts(copied).split())
    finally:
        if before is not None:
            path.write_text(before)
        else:
            path.unlink()


@functools.cache
def offered(folder: Path) -> frozenset[str]:
    """The functions, classes and constants that the door of a folder has, which may be called as a folder in it is."""
    door = next((door for door in (folder / "__init__.pyi", folder / "__init__.py") if door.exists()), None)
    nodes = ast.walk(ast.parse(door.read_text())) if door else ()
    return frozenset(a.name for node in nodes if isinstance(node, ast.ImportFrom) and node.module for a in node.names)


def imported(path: Path, tree: ast.AST) -> Iterator[str]:
    """Every module that names are imported from, wherever in the file, by its absolute dotted name."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *([node.module] if node.module else [])))
            # `from sqnn import training` enters the room as `import sqnn.training` does.
            folder = ROOT.joinpath(*base.split("."))
            rooms = {a.name for a in node.names if (folder / a.name).is_dir()} - offered(folder)
            yield from {f"{base}.{a.name}" if a.name in rooms else base: None for a in node.names}


def side_doors(path: Path, tree: ast.AST) -> list[str]:
    """The modules of another room that the file reaches past its `__init__.py`, or through the top of sqnn.

    Rooms are the folders of a package at every depth: a file imports files of its own folder and of those around it,
    and the doors of the folders that lie in these. Inside circuits, each engine has a door.
    """
    own = path.relative_to(ROOT).with_suffix("").parts
    wrong = []
    for name in imported(path, tree):
        parts = tuple(name.split("."))
        if parts[0] not in DISTRIBUTIONS:
            continue
        through_the_top = parts == own[:1] == ("sqnn",) and own[1] not in ("cli", "__init__")
        folder = ROOT.joinpath(*parts).is_dir()
        shared = next((k for k, pair in enumerate(zip(own, parts, strict=False)) if pair[0] != pair[1]), len(parts))
        if shared == 0:
            inside = len(parts) > 1 and not (folder and len(parts) == 2)
        else:
            engine = parts[:2] == ("circuits", "engines") and folder
            inside = len(parts) > shared + 1 and not engine
        wrong += [name] if through_the_top or inside else []
    return wrong


def test_rooms_are_entered_by_their_doors(trees: dict[str, ast.Module]) -> None:
    found = {relative(path): side_doors(path, trees[path.read_text()]) for path in sources(*DISTRIBUTIONS, stubs=True)}
    assert {name: doors for name, doors in found.items() if doors} == {}
    assert len(found) > 500


@pytest.mark.parametrize(
    ("file", "line", "door"),
    [
        ("sqnn/models/create.py", "from sqnn.neurons.lif import LIF", "sqnn.neurons.lif"),
        ("sqnn/models/create.py", "def f():\n    from ..neurons.lif import LIF", "sqnn.neurons.lif"),
        ("sqnn/models/create.py", "from circuits.reupload import DataReupload", "circuits.reupload"),
        ("sqnn/models/create.py", "import circuits.engines.aer.engine", "circuits.engines.aer.engine"),
        ("circuits/layer.py", "from circuits.engines.aer.engine import AerEngine", "circuits.engines.aer.engine"),
        ("circuits/engines/aer/engine.py", "from noise_models.noise import Noise", "noise_models.noise"),
        ("sqnn/training/fit.py", "from sqnn import load_data", "sqnn"),
        ("sqnn/explain/report/page.py", "from sqnn.explain.signal.trains import fired", "sqnn.explain.signal.trains"),
        ("sqnn/explain/report/page.py", "from ..signal.trains import fired", "sqnn.explain.signal.trains"),
        ("sqnn/explain/report/page.py", "from .sections.head import head", "sqnn.explain.report.sections.head"),
        (
            "sqnn/explain/report/sections/head.py",
            "from sqnn.explain.signal.codes import CODES",
            "sqnn.explain.signal.codes",
        ),
        ("sqnn/studies/__init__.pyi", "from .circle.study import CircleStudy", "sqnn.studies.circle.study"),
        ("sqnn/data/own.py", "from sqnn.data.sources.idx import read_idx_set", "sqnn.data.sources.idx"),
    ],
)
def test_a_side_door_is_found(file: str, line: str, door: str) -> None:
    assert side_doors(ROOT / file, ast.parse(line)) == [door]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("sqnn/models/create.py", "from sqnn.models.base import ModelConfig; from sqnn.neurons import LIF"),
        ("sqnn/models/create.py", "from circuits import ReuploadLayer; from circuits.plotting import Picture"),
        ("sqnn/cli/app.py", "import sqnn; from noise_models import unknown"),
        ("circuits/layer.py", "from circuits.reupload import DataReupload; from noise_models import Noise"),
        ("circuits/layer.py", "from circuits.engines.aer import AerEngine"),
        ("sqnn/studies/encoders/study.py", "from sqnn import training as loop"),
        (
            "sqnn/explain/report/page.py",
            "from sqnn.explain.report.sections import head; from sqnn.explain.signal import psth",
        ),
        (
            "sqnn/explain/report/sections/head.py",
            "from sqnn.explain.report.story import Head; from .answer import answer",
        ),
        ("sqnn/explain/attribution/shapley/head.py", "from sqnn.explain.attribution.shapley.game import coalitions"),
        ("circuits/diagnostics/states.py", "from circuits.engines.lightcone import bloch_vector"),
    ],
)
def test_a_door_is_no_side_door(file: str, line: str) -> None:
    assert side_doors(ROOT / file, ast.parse(line)) == []


def dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(root: Path, trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """The files that each file imports, wherever in it, but for what types alone need."""
    files = {dotted(path, root): path for name in DISTRIBUTIONS for path in sorted((root / name).rglob("*.py"))}
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        text = path.read_text()
        tree = trees.get(text) or ast.parse(text)
        blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
        for_types = {id(inner) for block in blocks for inner in ast.walk(block)}
        found: set[str] = set()
        for node in ast.walk(tree):
            if id(node) in for_types:
                continue
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                found |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in files else base for alias in node.names}
        graph[name] = {other for other in found if other in files and other != name}
    return graph


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The largest sets of files each of which reaches all others (strongly connected components)."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        left = [start]
        while left:
            new = graph[left.pop()] - seen
            seen |= new
            left += new
        return seen

    reach = {name: reached(name) for name in graph}
    rings = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph if name in reach[name]}
    return sorted(map(set, rings), key=sorted)


def test_no_files_import_each_other_in_a_circle(trees: dict[str, ast.Module]) -> None:
    assert circles(imports(ROOT, trees)) == []


def test_a_circle_of_files_is_found(copied: Path, trees: dict[str, ast.Module]) -> None:
    path = copied / "sqnn/data/split.py"
    before = path.read_text()
    try:
        path.write_text(f"{before}\n\ndef f():\n    from .images import ImageData\n")
        assert any({"sqnn.data.images", "sqnn.data.split"} <= circle for circle in circles(imports(copied, trees)))
        path.write_text(f"{before}\n\nif TYPE_CHECKING:\n    from .images import ImageData\n")
        assert circles(imports(copied, trees)) == []
    finally:
        path.write_text(before)


def test_no_file_is_long() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in sources(*DISTRIBUTIONS, "tests")}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
    assert len(lengths) > 800


def test_nothing_runs_code_from_a_file_or_touches_global_random_numbers(trees: dict[str, ast.Module]) -> None:
    found = {relative(path): forbidden_calls(trees[path.read_text()]) for path in sources(*DISTRIBUTIONS)}
    assert {name: calls for name, calls in found.items() if calls} == {}


def forbidden_calls(tree: ast.AST) -> list[str]:
    """Calls of torch.load without weights_only=True, of pickle's readers, and of global random seeds."""
    wrong = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        safe = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
        if name == "torch.load" and not safe:
            wrong.append(name)
        if name in GLOBAL_RANDOM or name in ("random.seed", "pickle.load", "pickle.loads", "eval", "exec"):
            wrong.append(name)
        if name.endswith("seed_everything"):
            wrong.append(name)
    return wrong


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "torch.manual_seed(0)",
        "np.random.seed(1)",
        "random.seed()",
    ],
)
def test_a_forbidden_call_is_found(line: str) -> None:
    assert len(forbidden_calls(ast.parse(line))) == 1


def test_a_generator_of_ones_own_is_allowed() -> None:
    assert forbidden_calls(ast.parse("torch.Generator().manual_seed(0); torch.load(p, weights_only=True)")) == []
