"""YAML is read as plain values, and never as more of them than a memory holds."""

from __future__ import annotations

import pytest
import yaml

from sqnn.core import read_yaml


def test_numbers_and_times() -> None:
    assert read_yaml("a: [1, 1e-3, -2.5, .inf]\nb: {c: 1:30, d: 0:2:0.5}\n") == {
        "a": [1, 1e-3, -2.5, float("inf")],
        "b": {"c": "1:30", "d": "0:2:0.5"},
    }
    assert read_yaml("") is None


@pytest.mark.parametrize("value", [{"a": [1, 2.5, "x"], "b": None}, [[1e-9]], "3", True])
def test_what_is_written_is_read(value: object) -> None:
    assert read_yaml(yaml.safe_dump(value)) == value


def test_an_alias_stands_for_its_values() -> None:
    assert read_yaml("a: &x [1, 2]\nb: *x\n") == {"a": [1, 2], "b": [1, 2]}


def test_aliases_that_unfold_without_end_are_refused() -> None:
    doubled = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 11)
    )
    with pytest.raises(yaml.YAMLError, match="more than 100,000 values"):
        read_yaml(doubled)
    with pytest.raises(yaml.YAMLError, match="more than 100,000 values"):
        read_yaml("a: &a [*a]\n")
