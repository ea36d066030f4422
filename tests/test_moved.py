"""Names of the last release: each still answers with what is at its new place, and says where that is."""

from __future__ import annotations

import importlib
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import pytest

from noise_models.moved import MODULES, NAMES

ROOT = Path(__file__).resolve().parents[1]

OLD = {
    "circuits.cone_figure": ["plot_cone"],
    "circuits.device": ["LightConeDevice"],
    "circuits.drawing": ["draw_text"],
    "circuits.figure": ["Picture"],
    "circuits.resolve": ["CHIP_SHAPES", "resolve_noise"],
    "noise_models.devices": ["CHIPS", "chip"],
    "noise_models.library": ["Noise", "depolarizing", "from_aer", "paper", "readout"],
    "noise_models.specification": ["KINDS", "at_strength", "parse_noise"],
    "sqnn.experiments": [
        "ALGORITHMS",
        "COLUMNS",
        "DEFAULT_STRENGTH",
        "ENCODED",
        "LAYERED",
        "WITHOUT",
        "Cell",
        "ClusterError",
        "ConversionFolder",
        "ConversionStudy",
        "EncoderCell",
        "EncoderStudy",
        "GradientStudy",
        "LayerStudy",
        "NoiseSweep",
        "Peer",
        "ResultsTable",
        "RowsFolder",
        "StudyFolder",
        "Subject",
        "SweepError",
        "SweepFrame",
        "TableError",
        "Task",
        "Training",
        "cell_label",
        "check_cluster",
        "conversion_study",
        "encoder_study",
        "gradient_study",
        "layer_study",
        "line_names",
        "make_task",
        "measure",
        "measure_layers",
        "noise_sweep",
        "open_subjects",
        "parse_strengths",
        "plot_conversion",
        "plot_encoders",
        "plot_gradients",
        "plot_layers",
        "plot_sweep",
        "run_cells",
        "run_tasks",
        "split_names",
        "strength_label",
        "summarise",
        "summarise_encoders",
        "summarise_layers",
        "summarise_sweep",
        "t_interval",
        "train_student",
        "wilson_interval",
    ],
    "sqnn.files": ["whole_file", "write_text"],
    "sqnn.frontends": ["READOUTS", "SpikingBlock", "SpikingCNN"],
    "sqnn.hybrid": [
        "AnalogConv",
        "AnalogDense",
        "AnalogResidual",
        "EncodeDecode",
        "FusionBlock",
        "MakeNeuron",
        "SpikingConv",
        "SpikingDense",
        "SpikingResidual",
        "SpikingStack",
    ],
    "sqnn.memory_format": ["channels_last", "channels_last_is_safe"],
    "sqnn.models.source": ["SourceConfig", "SourceNetwork", "VGG11", "ResNet20", "VisionTransformer"],
}
"""What each module of the last release had to offer."""

ALL = [(module, name, homes) for module, homes in MODULES.items() for name in OLD[module]]
ALL += [(module, name, (home,)) for module, names in NAMES.items() for name, home in names.items()]


@pytest.mark.parametrize(("module", "name", "homes"), ALL, ids=[f"{module}.{name}" for module, name, _ in ALL])
def test_a_moved_name_answers_and_says_where_it_is(module: str, name: str, homes: tuple[str, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        place = importlib.import_module(module)
    with pytest.warns(DeprecationWarning, match=f"^{module}.{name} has moved: `from ") as caught:
        value = getattr(place, name)
    assert Path(caught[0].filename) == Path(__file__)
    home = str(caught[0].message).split("`from ")[1].split(" import ")[0]
    assert home in homes
    assert value is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("module", NAMES)
def test_importing_everything_gives_what_has_moved_too(module: str) -> None:
    names: dict[str, object] = {}
    with pytest.warns(DeprecationWarning, match=f"^{module}.* has moved"):
        exec(f"from {module} import *", names)
    for name, home in NAMES[module].items():
        assert names[name] is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("module", [*MODULES, *NAMES])
def test_what_never_was_there_is_an_attribute_error(module: str) -> None:
    with pytest.raises(AttributeError, match="never_was_there"):
        _ = importlib.import_module(module).never_was_there


def test_nothing_is_in_the_place_of_a_module_that_moved() -> None:
    places = [ROOT.joinpath(*module.split(".")) for module in MODULES]
    assert [place for place in places if place.with_suffix(".py").exists() or (place / "__init__.py").exists()] == []


def test_the_documentation_has_the_whole_table() -> None:
    table = (ROOT / "docs" / "reference" / "moved.md").read_text()
    for module, name, _ in ALL:
        assert f"`{module}`" in table
        assert module in MODULES or f"`{name}`" in table


def test_a_script_of_the_last_release_runs_and_is_warned_at_each_line() -> None:
    lines = ("import sqnn.hybrid", "from sqnn.hybrid import FusionBlock", "from circuits.device import LightConeDevice")
    command = [sys.executable, "-c", "\n".join(lines)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stderr
    assert "<string>:1: DeprecationWarning: sqnn.hybrid has moved to sqnn.layers" in said
    assert "<string>:2: DeprecationWarning: sqnn.hybrid.FusionBlock has moved: " in said
    assert "<string>:3: DeprecationWarning: circuits.device has moved to " in said
    assert "<string>:3: DeprecationWarning: circuits.device.LightConeDevice has moved: " in said


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_that_moved_is_warned_of(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.warns(DeprecationWarning, match=f"^{module} has moved to {MODULES[module][0]}") as caught:
        importlib.import_module(module)
    assert len(caught) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("line", ["from sqnn.hybrid import bogus", "import sqnn.hybrid.bogus"])
def test_what_is_missing_names_the_new_place(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sqnn.hybrid", raising=False)
    with pytest.raises(ImportError) as caught:
        exec(line)
    (said,) = traceback.format_exception_only(caught.value)
    assert said == "ImportError: sqnn.hybrid has moved to sqnn.layers, where there is no bogus\n"
