"""How a sweep is written down: ranges are exact decimals that include their stop, commas separate names only."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnn.core import ConfigError
from sqnn.studies import parse_strengths, split_names


@given(start=st.integers(0, 500), step=st.integers(1, 300), count=st.integers(0, 60), places=st.integers(0, 12))
def test_a_range_counts_in_decimals_up_to_its_stop(start: int, step: int, count: int, places: int) -> None:
    def written(number: int) -> str:
        return str(Decimal(number).scaleb(-places))

    text = f"{written(start)}:{written(start + count * step)}:{written(step)}"
    found = parse_strengths(text)
    assert found == tuple(float(written(start + number * step)) for number in range(count + 1))
    assert parse_strengths(",".join(map(repr, found))) == found
    assert parse_strengths(list(found)) == found == parse_strengths(np.array(found))


@given(stop=st.decimals("0.001", 10, places=3), parts=st.integers(1, 200))
def test_a_rounded_step_still_meets_the_stop(stop: Decimal, parts: int) -> None:
    found = parse_strengths(f"0:{stop}:{float(stop) / parts!r}")
    assert len(found) == parts + 1
    assert found[-1] == pytest.approx(float(stop), rel=1e-12)
    assert found[-1] <= float(stop)


@given(stop=st.floats(0.01, 10), step=st.floats(0.01, 10))
def test_a_range_never_leaves_its_ends(stop: float, step: float) -> None:
    found = parse_strengths(f"0:{stop!r}:{step!r}")
    assert found[0] == 0
    assert list(found) == sorted(set(found))
    assert found[-1] <= stop < found[-1] + step * (1 + 1e-6)


def test_forms() -> None:
    assert parse_strengths("0:0.2:0.02") == (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2)
    assert parse_strengths(" 0, 0.05,1e-1 ") == (0.0, 0.05, 0.1)
    assert parse_strengths("0:0.1:0.05,0.5") == (0.0, 0.05, 0.1, 0.5)
    assert parse_strengths("0:1:0.3") == (0.0, 0.3, 0.6, 0.9)
    assert parse_strengths(0.3) == parse_strengths("0.3") == parse_strengths([np.float64(0.3)]) == (0.3,)
    assert parse_strengths("2,1") == (2.0, 1.0), "the order is the user's"
    assert math.copysign(1, parse_strengths("-0")[0]) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", "numbers with commas"),
        (",", "numbers with commas"),
        ("0:0.2", "numbers with commas"),
        ("0:1:2:3", "numbers with commas"),
        ("a", "numbers with commas"),
        ("0:0.2:0", "a step above 0"),
        ("0:0.2:-0.1", "at least 0"),
        ("0.2:0:0.1", "a stop of at least the start"),
        ("-0.1,0", "at least 0"),
        ("nan", "finite strengths"),
        ("0:inf:1", "finite strengths"),
        ("0:1:1e-9", "at most 10,000 strengths"),
        ("0:1e300:1e-300", "at most 10,000 strengths"),
        ("0,0.1,0.10", "every strength once, not 0.1 twice"),
        ("0:0.2:0.1,0.2", "every strength once, not 0.2 twice"),
        ([], "at least one strength"),
        ([0.1, math.nan], "finite strengths"),
        ([-0.1], "finite strengths"),
        ([1, 1.0], "every strength once"),
        (["0.1"], "numbers, or a text"),
        (None, "numbers, or a text"),
        (True, "numbers, or a text"),
        ([10**400], "numbers, or a text"),
        (b"0", "numbers, or a text"),
    ],
)
def test_other_strengths_are_refused(value: object, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"^strength: got .*, expected .*({expected})"):
        parse_strengths(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("depolarizing", ("depolarizing",)),
        ("depolarizing,amplitude-damping, torino", ("depolarizing", "amplitude-damping", "torino")),
        ("depolarizing:0.01,on=id", ("depolarizing:0.01,on=id",)),
        ("depolarizing:0.01,on=id,paper*0.5", ("depolarizing:0.01,on=id", "paper*0.5")),
        ("readout:0.02,0.03,paper", ("readout:0.02,0.03", "paper")),
        (
            "thermal-relaxation:t1=1e-4, t2=8e-5,u=35e-9,cz=70e-9",
            ("thermal-relaxation:t1=1e-4, t2=8e-5,u=35e-9,cz=70e-9",),
        ),
        ("./mine.json,folder/other.json,paper", ("./mine.json", "folder/other.json", "paper")),
        ('{"format": 1, "noise": []}', ('{"format": 1, "noise": []}',)),
        (["depolarizing,paper", "torino"], ("depolarizing", "paper", "torino")),
        ("paper,0.5*torino, 50% * paper", ("paper", "0.5*torino", "50% * paper")),
        ("readout:[0.01,0.02],bit-flip:0.1,wires=[0,2]", ("readout:[0.01,0.02]", "bit-flip:0.1,wires=[0,2]")),
        ("2*(paper+readout:0.1,0.2),(paper)", ("2*(paper+readout:0.1,0.2)", "(paper)")),
        ("depolarizing(0.1, wires=(0, 1)),paper", ("depolarizing(0.1, wires=(0, 1))", "paper")),
        ({"mine": "paper", "yours": "torino"}, (("mine", "paper"), ("yours", "torino"))),
        ((), None),
        ("", None),
        (" , ", None),
        ("paper,paper", None),
        (["paper", "torino,paper"], None),
    ],
)
def test_a_comma_separates_names_only(value: object, expected: tuple[str, ...] | None) -> None:
    if expected is None:
        with pytest.raises(ConfigError, match=r"^noise: got "):
            split_names(value, "noise")
    else:
        assert split_names(value, "noise") == expected


def test_strengths_in_percent() -> None:
    assert parse_strengths("0:20%:5%, 0.57,58 %") == (0, 0.05, 0.1, 0.15, 0.2, 0.57, 0.58)
    with pytest.raises(ConfigError, match=r"^second: got .5%%., expected"):
        parse_strengths("5%%", "second")
