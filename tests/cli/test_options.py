"""Options made from configurations: one for each name, and a help that says where networks differ."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path
from typing import Any

import pytest

import sqnn
from sqnn.cli import main
from sqnn.cli.options import (
    config_options,
    model_options,
    read_settings,
    training_options,
)
from sqnn.cli.options import option as flag
from sqnn.core import Config, ConfigError, limits_of, meaning, option
from sqnn.models import ModelConfig
from sqnn.training import TrainingConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class First(ModelConfig):
    own: int | None = option(None, "a number (default: as many as there are)")
    widths: tuple[int, ...] = option((), "widths")
    neuron: str = option("if", "neuron model: if, lif")
    fast: bool = option(False, "be quick")
    code: str = option("phase", "how: phase")
    share: float = option(0.1, "a share")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Second(ModelConfig):
    neuron: str = option("lif", "neuron model: if, lif")
    fast: bool = option(True, "be quick")
    code: str = option("bits", "how: bits, rate")
    share: float = option(0.1, "a share")
    hidden: tuple[int, ...] | None = option((8, 4), "hidden widths")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Third(Second):
    share: float = option(0.2, "a share")
    hidden: tuple[int, ...] | None = option(None, "hidden widths")
    depth: int = option(2, "stages")


class A:
    config_class = First
    training_defaults: typing.ClassVar[dict[str, Any]] = {}


class B:
    config_class = Second
    training_defaults: typing.ClassVar[dict[str, Any]] = {"learning_rate": 0.005, "epochs": 3}


class C:
    config_class = Third
    training_defaults: typing.ClassVar[dict[str, Any]] = {"learning_rate": 0.005, "optimizer": "adam"}


THREE = {"a": A, "b": B, "c": C}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fourth(Config):
    n_qubits: int = option(4, "wires", least=1, most=30)
    rate: float | None = option(None, "a rate", above=0)
    starts: tuple[str, ...] = option(("a", "b"), "starts", among=("a", "b"))
    steps: tuple[int, ...] = option((4, 8), "steps", least=1)
    strength: tuple[float, ...] = option((0.0, 0.5), "strengths")
    shape: tuple[int, int, int] = option((1, 28, 28), "shape")
    size: tuple[int, int] = option((28, 14), "size")
    fast: bool = option(False, "be quick")
    inner: str = option("x", "none of the command line's business")


FOURTH = config_options(Fourth, "P", leave_out=["inner"], kinds={"strength": str}, also={"n_qubits": ["--qubits"]})
BESIDE = [flag("out", Path, "folder"), flag("noise", list[str], "noises")]


def told(parameters: list) -> dict[str, tuple[str, str]]:
    """Panel and help of every option."""
    infos = {p.name: typing.get_args(p.annotation)[1] for p in parameters}
    return {name: (info.rich_help_panel, info.help) for name, info in infos.items()}


def test_the_help_says_where_networks_differ() -> None:
    assert told(model_options(THREE)) == {
        "neuron": ("Every model", "neuron model: if, lif (default: if; b, c: lif)"),
        "fast": ("Every model", "be quick (default: no; b, c: yes)"),
        "code": ("Every model", "a: how: phase (default: phase). b, c: how: bits, rate (default: bits)"),
        "share": ("Every model", "a share (default: 0.1; c: 0.2)"),
        "hidden": ("Model: b, c", "hidden widths (default: 8,4; c: none)"),
        "own": ("Model: a", "a number (default: as many as there are)"),
        "widths": ("Model: a", "widths"),
        "depth": ("Model: c", "stages (default: 2)"),
    }


def test_one_network_has_one_panel() -> None:
    assert {panel for panel, _ in told(model_options({"c": C})).values()} == {"Model: c"}


def test_a_panel_of_many_networks_names_those_that_are_left_out() -> None:
    many = dict.fromkeys("cdefg", C)
    panels = {name: panel for name, (panel, _) in told(model_options({"a": A, **many})).items()}
    assert panels["depth"] == "Every model but a"
    assert panels["own"] == "Model: a"
    few = {"a": A, "b": B, "c": C, "d": C, "e": C, "f": C}
    assert told(model_options(few))["depth"][0] == "Model: c, d, e, f"


def test_the_help_of_training_says_where_networks_have_defaults_of_their_own() -> None:
    found = {name: text for name, (_, text) in told(training_options(THREE)).items()}
    fields = {field.name: field for field in dataclasses.fields(TrainingConfig)}
    assert found["learning_rate"].startswith("peak learning rate (")
    assert found["learning_rate"].endswith(f"default: {fields['learning_rate'].default}; b, c: 0.005)")
    assert found["epochs"].endswith(f"default: {fields['epochs'].default}; b: 3)")
    assert found["optimizer"].endswith("(default: adam)")
    for name, field in fields.items():
        assert found[name].startswith(f"{meaning(field)} ({limits_of(field)}" if limits_of(field) else meaning(field))


def test_an_option_that_networks_share_is_of_one_kind() -> None:
    """The command line reads it before it knows for which network."""
    kinds: dict[str, set[object]] = {}
    for network in sqnn.MODELS.values():
        alone = {"one": network}
        for parameter in model_options(alone):
            kinds.setdefault(parameter.name, set()).add(typing.get_args(parameter.annotation)[2])
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


@pytest.mark.parametrize("command", ["train", "count"])
def test_every_panel_stands_once_in_the_help(command: str, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main([command, "--help"]) == 0
    panels = re.findall(r"╭─ (.*?) ─*╮", capsys.readouterr().out)
    assert len(panels) == len(set(panels))
    assert {panel for panel, _ in told(model_options()).values()} <= set(panels)


def test_the_help_of_any_configuration_has_its_limits_and_names() -> None:
    assert {name: text for name, (panel, text) in told(FOURTH).items() if panel == "P"} == {
        "n_qubits": "wires (1 to 30; default: 4)",
        "rate": "a rate (above 0)",
        "starts": "starts: a, b (default: all)",
        "steps": "steps (at least 1; default: 4,8)",
        "strength": "strengths (default: 0,0.5)",
        "shape": "shape (default: 1x28x28)",
        "size": "size (default: 28x14)",
        "fast": "be quick (default: no)",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "1, 2,", (1, 2)),
        ("starts", "a , b", ("a", "b")),
        ("strength", "0:1:0.5", "0:1:0.5"),
        ("shape", "3x4X5", (3, 4, 5)),
        ("size", "7", (7, 7)),
        ("size", "7x8", (7, 8)),
        ("noise", ["a,b", "c"], ["a,b", "c"]),
        ("fast", False, False),
    ],
)
def test_a_flag_is_read_as_its_field_says(name: str, text: object, value: object) -> None:
    assert read_settings(None, {"rate": None, "noise": [], name: text}, FOURTH, BESIDE) == {name: value}


def test_flags_override_the_file_which_knows_every_flag_of_an_option(tmp_path: Path) -> None:
    file = tmp_path / "options.yaml"
    file.write_text("qubits: 7\nsteps: [1, 2]\nout: there\nsize: 3x4\nrate: null\n")
    settings = read_settings(file, {"steps": "5", "n_qubits": None}, FOURTH, BESIDE)
    assert settings == {"n_qubits": 7, "steps": (5,), "out": Path("there"), "size": (3, 4)}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("n_qbits: 3", "n_qbits: no such option of this command; did you mean 'n_qubits'?"),
        ("zzz: 3", "zzz: no such option of this command; it has n_qubits, rate, starts, steps, strength, shape, size,"),
        ("inner: y", "inner: no such option of this command"),
        ("n_qubits: x", "n_qubits: got 'x', expected a whole number"),
        ("n_qubits: true", "n_qubits: got True, expected a whole number"),
        ("rate: x", "rate: got 'x', expected a number"),
        ("fast: 1", "fast: got 1, expected true or false"),
        ("out: 3", "out: got 3, expected a path"),
        ("steps: 1;2", "steps: got '1;2', expected whole numbers with commas, such as 2,4,8"),
        ("size: 1x2x3", "size: got '1x2x3', expected height and width such as 28x28"),
        ("shape: '28'", "shape: got '28', expected channels, height and width such as 1x28x28"),
    ],
)
def test_a_mistake_in_a_file_names_the_option(line: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "options.yaml"
    file.write_text(line)
    with pytest.raises(ConfigError) as error:
        read_settings(file, {}, FOURTH, BESIDE)
    assert str(error.value).startswith(message)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fifth(ModelConfig):
    hidden: int = option(8, "width of the one hidden layer")


class D:
    config_class = Fifth
    training_defaults: typing.ClassVar[dict[str, Any]] = {}


def test_an_option_has_the_type_that_the_chosen_network_gives_it(tmp_path: Path) -> None:
    (hidden,) = (one for one in model_options({"b": B, "d": D}) if one.name == "hidden")
    options = [flag("model", str, "network"), hidden]
    assert read_settings(None, {"model": "d", "hidden": "0"}, options)["hidden"] == 0
    assert read_settings(None, {"model": "b", "hidden": "0"}, options)["hidden"] == (0,)
    with pytest.raises(ConfigError, match="hidden: got 'wide', expected a whole number"):
        read_settings(None, {"model": "d", "hidden": "wide"}, options)
    (tmp_path / "options.yaml").write_text("model: d\nhidden: 4\n")
    assert read_settings(tmp_path / "options.yaml", {}, options)["hidden"] == 4
