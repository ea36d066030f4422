"""What the source itself promises: who imports whom, how long a file is, what is never called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTIONS = ("noise_models", "circuits", "sqnn")
"""A package imports only itself and those before it."""

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"core"}),
    frozenset({"data", "neurons", "encoding"}),
    frozenset({"layers"}),
    frozenset({"models"}),
    frozenset({"conversion", "plasticity"}),
    frozenset({"metrics"}),
    frozenset({"training"}),
    frozenset({"studies", "bench"}),
    frozenset({"cli"}),
)
"""Inside sqnn: a folder imports only itself, and folders of lower layers."""

TOP = frozenset({"__init__", "__main__", "discovery"})
"""Files at the top of sqnn: they gather what lies below."""

GLOBAL_RANDOM = ("torch.manual_seed", "torch.seed", "torch.set_rng_state", "np.random.seed", "numpy.random.seed")
MAX_LINES = 400


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path, tree: ast.AST) -> Iterator[str]:
    """Every module that the file imports, wherever in the file, by its absolute dotted name."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *([node.module] if node.module else [])))
            # `from sqnn import cli` imports sqnn.cli as much as `import sqnn.cli` does.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def forbidden_imports(path: Path, tree: ast.AST) -> list[str]:
    """The imports that go up, by name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    wrong = []
    for name in imported(path, tree):
        target = name.split(".")
        if target[0] not in DISTRIBUTIONS:
            continue
        if target[0] != parts[0]:
            if DISTRIBUTIONS.index(target[0]) > DISTRIBUTIONS.index(parts[0]):
                wrong.append(name)
        # The command line stands above everything, the gathering files of sqnn included.
        elif parts[0] == "sqnn" and parts[1] not in {*TOP, "cli"} and target[1] != parts[1]:
            wrong += [name] if layer(target[1]) >= layer(parts[1]) else []
    return wrong


def layer(folder: str) -> int:
    """Height of a folder of sqnn; an unknown name, such as one of the package's own top, is above all of them."""
    return next((height for height, names in enumerate(LAYERS) if folder in names), len(LAYERS))


@pytest.mark.parametrize("path", sources(*DISTRIBUTIONS), ids=relative)
def test_imports_point_down(path: Path) -> None:
    assert forbidden_imports(path, ast.parse(path.read_text())) == []


def side_doors(path: Path, tree: ast.AST) -> list[str]:
    """The modules of another folder of sqnn that the file reaches past its `__init__.py`."""
    own = path.relative_to(ROOT).parts[:2]
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    parts = [module.split(".") for module in modules]
    return [".".join(p) for p in parts if p[0] == "sqnn" and len(p) > 2 and tuple(p[:2]) != own]


@pytest.mark.parametrize("path", sources("sqnn"), ids=relative)
def test_a_folder_is_entered_by_its_door(path: Path) -> None:
    assert side_doors(path, ast.parse(path.read_text())) == []


def test_a_side_door_is_found() -> None:
    inside = ROOT / "sqnn" / "models" / "create.py"
    line = ast.parse("from sqnn.neurons.lif import LIF; from sqnn.models.create import MODELS")
    assert side_doors(inside, line) == ["sqnn.neurons.lif"]


def test_every_folder_of_sqnn_has_its_place() -> None:
    """A new folder is an error until LAYERS says where it stands."""
    folders = {path.relative_to(ROOT / "sqnn").parts[0] for path in sources("sqnn")}
    stated = {name for names in LAYERS for name in names} | {f"{name}.py" for name in (*TOP, *LAYERS[0])}
    assert folders - stated == set()


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("circuits/layer.py", "import sqnn"),
        ("noise_models/a.py", "from circuits import ReuploadLayer"),
        ("sqnn/neurons/lif.py", "from sqnn.encoding import Rate"),
        ("sqnn/models/create.py", "def f():\n    from sqnn import training"),
        ("sqnn/models/create.py", "from ..training import fit"),
        ("sqnn/training/fit.py", "from sqnn import load_data"),
        ("sqnn/metrics/parameters.py", "import sqnn.cli.app"),
    ],
)
def test_an_import_that_points_up_is_found(file: str, line: str) -> None:
    assert len(forbidden_imports(ROOT / file, ast.parse(line))) == 1


@pytest.mark.parametrize("path", sources(*DISTRIBUTIONS, "tests"), ids=relative)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", sources(*DISTRIBUTIONS), ids=relative)
def test_nothing_runs_code_from_a_file_or_touches_global_random_numbers(path: Path) -> None:
    assert forbidden_calls(ast.parse(path.read_text())) == []


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
