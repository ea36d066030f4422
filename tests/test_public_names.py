"""The door of the package: its version, its names, its help and the tables of options."""

from __future__ import annotations

import ast
import dataclasses
import pydoc
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import sqnn
from sqnn.core import Config, ConfigError, describe, option
from sqnn.studies import STUDIES

ROOT = Path(__file__).resolve().parents[1]


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "sqnn.__version__"}
    assert sqnn.__version__ == version("sqnn")


def test_every_name_of_the_door_is_there() -> None:
    tree = ast.parse((ROOT / "sqnn" / "__init__.pyi").read_text())
    stated = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert dir(sqnn) == sorted(stated)
    assert all(hasattr(sqnn, name) for name in stated)


def test_the_help_is_short_and_names_everything() -> None:
    text = pydoc.render_doc(sqnn, renderer=pydoc.plaintext)
    assert len(text.splitlines()) < 100
    assert [name for name in dir(sqnn) if name not in text] == []


@dataclasses.dataclass(frozen=True)
class Small(Config):
    widths: tuple[int, ...] = option((2, 4), "widths of the layers, " + "and so on " * 12, least=1, most=30)
    rate: float = option(0.5, "a rate <1", above=0, below=1)
    inner: int = option(1, "hidden")


def test_a_table_has_a_line_for_each_field() -> None:
    table = describe(Small, "small", ["inner"])
    assert [tuple(row)[:3] for row in table.options] == [
        ("widths", "2,4", "1 to 30"),
        ("rate", "0.5", "above 0 and below 1"),
    ]
    lines = repr(table).splitlines()
    assert lines[0] == "small"
    assert lines[1].split() == ["name", "default", "limits", "meaning"]
    assert lines[-1] == "rate    0.5      above 0 and below 1  a rate <1"
    assert max(map(len, lines)) <= 100
    assert " ".join("\n".join(lines[2:-1]).split()).endswith(" ".join(["and so on"] * 12))
    assert table._repr_html_().count("<tr>") == 3
    assert "a rate &lt;1" in table._repr_html_()


@pytest.mark.parametrize("name", [*sqnn.MODELS, "training", *STUDIES])
def test_options_are_those_of_the_configuration(name: str) -> None:
    kinds = {"training": sqnn.TrainingConfig, **STUDIES}
    config = kinds[name] if name in kinds else sqnn.MODELS[name].config_class
    data = () if name in kinds else config.data_fields
    rows = sqnn.options(name).options
    terms = (
        ["bit_penalty", "rate_penalty"] if name == "training" else []
    )  # the weights of loss terms, which `fit` takes as well
    fields = [field.name for field in dataclasses.fields(config) if field.name not in data]
    assert [row.name for row in rows] == fields + terms
    assert all(row.meaning for row in rows)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"name: got 'trainin', expected one of .*; did you mean 'training'"):
        sqnn.options("trainin")


def test_a_name_that_is_nearly_one_is_answered_with_it() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'load_dat'; did you mean 'load_data'\?$"):
        _ = sqnn.load_dat
    assert not hasattr(sqnn, "zebra")


def test_limits_of_a_study_s_trainings_are_listed() -> None:
    lines = str(sqnn.options("encoders")).splitlines()
    rows = {line.split()[0]: line for line in lines if line[:1].strip()}
    assert "at least 1" in rows["epochs"]
    assert "2 to 1,000,000" in rows["batch_size"]
    assert "above 0" in rows["learning_rate"]
