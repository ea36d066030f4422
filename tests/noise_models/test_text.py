"""Noise written in a line of text."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import noise_models
from noise_models import (
    CHIPS,
    KINDS,
    Noise,
    amplitude_damping,
    at_strength,
    bit_flip,
    chip,
    depolarizing,
    from_aer,
    give_second,
    overrotation,
    paper,
    parse_noise,
    phase_damping,
    phase_flip,
    readout,
    strength_label,
    thermal_relaxation,
    two_qubit_depolarizing,
)

LIBRARY = {
    "bit-flip": bit_flip,
    "phase-flip": phase_flip,
    "depolarizing": depolarizing,
    "amplitude-damping": amplitude_damping,
    "phase-damping": phase_damping,
    "overrotation": overrotation,
    "readout": readout,
}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("sum([depolarizing:0.1, readout:2%])", "depolarizing:0.1+readout:0.02"),
        (
            "sum([depolarizing(0.1, on=('id',), wires=(0, 2)), paper])/2",
            "0.5*(depolarizing:0.1,on=id,wires=[0,2]+paper)",
        ),
        ("2*sum([bit-flip:0.1,on=u/cz,wires=[0,2], 0.5*paper])", "bit-flip:0.2,on=u/cz,wires=[0,2]+paper"),
        ("sum([readout:[1%,2%,3%]]) + sum([bit-flip:0.1])", "readout:[0.01,0.02,0.03]+bit-flip:0.1"),
        ("overrotation:pi/8", f"overrotation:{math.pi / 8!r}"),
        ("overrotation:45\N{DEGREE SIGN},axis=z", "overrotation:45deg,z"),
        ("thermal-relaxation:T1=100us,T2=80us,u=35ns,Idle=True", "thermal-relaxation:1e-4,8e-5,u=3.5e-8,idle=yes"),
        ("thermal-relaxation:100us,80us,measure=1us,idle=false", "thermal-relaxation:100us,80us,measure=1e-6"),
    ],
)
def test_other_forms_that_people_write_mean_the_same(text: str, same: str) -> None:
    assert parse_noise(text) == parse_noise(same)


@pytest.mark.parametrize(
    ("text", "noise"),
    [
        ("depolarizing:0.05", depolarizing(0.05)),
        (" Depolarizing : p = 0.05 ", depolarizing(0.05)),
        ("amplitude-damping:0.1", amplitude_damping(0.1)),
        ("amplitude_damping:gamma=0.1", amplitude_damping(0.1)),
        ("depolarizing:0.01,on=id", depolarizing(0.01, on=("id",))),
        ("depolarizing:0.01,on=cz/id", depolarizing(0.01, on=("cz", "id"))),
        ("depolarizing:0.05+readout:0.02", depolarizing(0.05) + readout(0.02)),
        ("readout:0.02,0.03", readout(0.02, 0.03)),
        ("readout:p01=0.02,p10=3e-2", readout(0.02, 0.03)),
        ("phase-damping:1e-2 + phase-flip:1e-3", phase_damping(0.01) + phase_flip(0.001)),
        ("overrotation:1e+0,z,on=u", overrotation(1.0, "z", on="u")),
        ("overrotation:0.1,axis=y", overrotation(0.1, "y")),
        (
            "thermal-relaxation:t1=1e-4,t2=8e-5,u=35e-9,cz=70e-9",
            thermal_relaxation(1e-4, 8e-5, {"u": 35e-9, "cz": 70e-9}),
        ),
        ("thermal-relaxation:1e-4,8e-5,cz=7e-8", thermal_relaxation(1e-4, 8e-5, {"cz": 7e-8})),
        ("paper", paper()),
        ("paper:0.1", paper(0.1)),
        ("paper*0.5", 0.5 * paper()),
        ("bit-flip:0.1*0.5+paper", bit_flip(0.05) + paper()),
        ("0.5*paper", paper() / 2),
        ("paper / 2", paper() / 2),
        ("50 % * paper*4 / 4", paper() / 2),
        ("depolarizing:57%", depolarizing(0.57)),
        ("readout:0.1%,p10=2 %", readout(0.001, 0.02)),
        ("overrotation:180deg + overrotation:0.5rad,z", overrotation(math.pi) + overrotation(0.5, "z")),
        ("2*(bit-flip:1% + 0.5*(readout:0.02+paper))", bit_flip(0.02) + readout(0.02) + paper()),
        ("depolarizing:0.1,on=u/cz/2", depolarizing(0.05)),
        ("depolarizing:0.1,wires=[2,0],on=id", depolarizing(0.1, "id", wires=[2, 0])),
        ("bit-flip:0.1,wires=3*0.5", bit_flip(0.05, wires=3)),
        ("readout:[0.01,2%,0]", readout([0.01, 0.02, 0])),
        ("readout:p01=[0.01,0.02],p10=0.03,wires=[4,1]", readout([0.01, 0.02], 0.03, wires=[4, 1])),
        ("two-qubit-depolarizing:0.1,on=cx,wires=[(0,1),(2,1)]", two_qubit_depolarizing(0.1, "cx", [(1, 0), (1, 2)])),
        (
            "thermal-relaxation:100us,0.08ms,u=35ns,cz=70000ps,wires=[1]",
            thermal_relaxation(1e-4, 8e-5, {"u": 35e-9, "cz": 70e-9}, wires=1),
        ),
        ("thermal-relaxation:inf,3\N{MICRO SIGN}s,u=1s", thermal_relaxation(math.inf, 3e-6, {"u": 1})),
    ],
)
def test_what_a_specification_means(text: str, noise: Noise) -> None:
    assert parse_noise(text) == noise


@given(kind=st.sampled_from(sorted(LIBRARY)), p=st.floats(0, 1), factor=st.floats(0, 1))
def test_numbers_are_read_exactly(kind: str, p: float, factor: float) -> None:
    assert parse_noise(f"{kind}:{p!r}") == LIBRARY[kind](p)
    assert parse_noise(f"{kind}:{p!r}*{factor!r}") == factor * LIBRARY[kind](p)
    assert parse_noise(f"{kind}:{p!r}+{kind}:{factor!r}") == LIBRARY[kind](p) + LIBRARY[kind](factor)


@given(seed=st.integers(0, 2**31), factor=st.floats(0.01, 1))
def test_what_a_noise_prints_is_read_back(seed: int, factor: float) -> None:
    places = [None, 0, [2, 1], [0, 3, 5]]
    wires = places[seed % 4]
    pairs = None if wires is None else [(0, 1), (4, 2)][: 1 + seed % 2]
    noise = (
        bit_flip(0.1, ["u", "id"], wires)
        + overrotation(-0.1, "z", wires=wires)
        + amplitude_damping(1e-5, wires=wires)
        + thermal_relaxation(1e-4, 8e-5, {"u": 3e-8, "cz": 7e-8}, wires)
        + two_qubit_depolarizing(0.1, wires=pairs)
        + readout(0.1, 0.2, wires)
        + readout([0.1, 0.2])
        + paper(0.1)
    )
    assert parse_noise(repr(factor * noise)) == factor * noise == eval(repr(factor * noise), vars(noise_models))
    assert parse_noise(f"{factor!r} * ({noise!r})") == factor * noise


def test_a_file_may_be_a_summand(tmp_path: Path) -> None:
    file = tmp_path / "chip.json"
    file.write_text(paper().to_json())
    assert parse_noise(f"0.5*{file} + readout:2%") == paper() / 2 + readout(0.02)
    assert parse_noise(f"readout:2%+{file}") == readout(0.02) + paper()
    assert at_strength(f"depolarizing+{file}*2", 0.1) == depolarizing(0.1) + 2 * paper()


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("amplitude-damping+readout", amplitude_damping(0.1) + readout(0.25)),
        ("0.5*depolarizing:on=id + readout:0.1 + readout", depolarizing(0.05, "id") + readout(0.1) + readout(0.25)),
        ("readout + bit-flip:wires=[0,2] * 0.5", readout(0.1) + bit_flip(0.125, wires=[0, 2])),
    ],
)
def test_a_second_strength_is_that_of_the_second_kind_named_alone(text: str, second: Noise) -> None:
    assert at_strength(give_second(text, 0.25), 0.1) == second


@pytest.mark.parametrize(
    "text", ["paper", "depolarizing", "depolarizing+readout:0.1", "readout+readout+bit-flip", "{}"]
)
def test_a_second_strength_needs_two_kinds_named_alone(text: str) -> None:
    with pytest.raises(ValueError, match=r"two kinds named alone|expected {\"format"):
        give_second(text, 0.1)


@given(kind=st.sampled_from(sorted(LIBRARY)), strength=st.floats(0, 1))
def test_a_bare_kind_takes_the_strength_as_its_parameter(kind: str, strength: float) -> None:
    assert at_strength(kind, strength) == LIBRARY[kind](strength)
    assert at_strength(f"{kind}+{kind}", strength) == LIBRARY[kind](strength) + LIBRARY[kind](strength)


@given(strength=st.floats(0, 1), fixed=st.floats(0, 1))
def test_what_has_its_parameters_stays_fixed_beside_a_bare_kind(strength: float, fixed: float) -> None:
    expected = amplitude_damping(strength) + readout(fixed)
    assert at_strength(f"amplitude-damping+readout:{fixed!r}", strength) == expected
    assert at_strength(f"depolarizing:{fixed!r},on=id + bit-flip", strength) == depolarizing(fixed, "id") + bit_flip(
        strength
    )
    assert at_strength("paper*0.5+readout+phase-flip", strength) == 0.5 * paper() + readout(strength) + phase_flip(
        strength
    )


def test_a_chip_stays_as_calibrated_beside_a_bare_kind() -> None:
    for strength in (0, 0.1):
        expected = depolarizing(strength, on="sx") + chip("manila", 3, "line")
        assert at_strength("depolarizing:on=sx+manila", strength, 3, "line") == expected


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("amplitude-damping+readout:0.02", "probability of decay $\\gamma$"),
        ("readout:0.02 + Bit_Flip:on=id", "probability of a flip $p$"),
        ("depolarizing+torino", "depolarizing probability $p$"),
        ("depolarizing+phase-damping+readout:0.02", "parameter of every part"),
        ("depolarizing+depolarizing:on=id", "depolarizing probability $p$"),
        ("readout:0.02+paper", "factor on rates and times"),
        ("thermal-relaxation:1e-4,8e-5,u=35e-9", "factor on rates and times"),
        ("noise.json", "factor on rates and times"),
        (repr(depolarizing(0.1) + readout(0.02)), "factor on rates and times"),
        (repr(Noise()), "factor on rates and times"),
        (depolarizing(0.1).to_json(), "factor on rates and times"),
        ("some-later-kind", "strength"),
        ("some-later-kind:0.05+readout:0.02", "strength"),
    ],
)
def test_the_label_of_an_axis_is_that_of_what_is_swept(text: str, label: str) -> None:
    assert strength_label(text) == label


@pytest.mark.parametrize("text", ["paper", "readout:0.2", "depolarizing:0.1,on=id+readout:0.02", "paper*0.5"])
def test_anything_else_is_multiplied_by_the_strength(text: str) -> None:
    assert at_strength(text, 0.25) == 0.25 * parse_noise(text)
    assert at_strength(parse_noise(text).to_json(), 0.25) == 0.25 * parse_noise(text)


def test_a_bare_kind_may_say_where_it_acts() -> None:
    assert at_strength("depolarizing:on=id", 0.1) == depolarizing(0.1, on="id")
    assert at_strength("bit-flip*0.5", 0.1) == bit_flip(0.05)


def test_a_chip_is_placed_in_the_circuits_shape() -> None:
    assert parse_noise("torino", 5, "line") == chip("torino", 5, "line")
    assert parse_noise("FakeTorino*0.5", 5) == 0.5 * chip("torino", 5, "ring")
    assert at_strength("torino", 0.5, 5) == 0.5 * chip("torino", 5)


def test_json_text_and_files_are_read_back(tmp_path: Path) -> None:
    for noise in (paper() + readout(0.1), chip("manila", 3, "line"), from_aer(paper(0.1).aer)):
        file = tmp_path / "Noise.json"
        file.write_text(noise.to_json())
        assert parse_noise(noise.to_json()) == noise
        assert parse_noise(str(file)) == noise


def test_names_do_not_clash() -> None:
    assert set(KINDS).isdisjoint(CHIPS)
    assert len(set(CHIPS)) == len(CHIPS)
    assert set(LIBRARY) <= set(KINDS)


PERCENT = "; percent have their sign, as in 5%"
UNKNOWN = f"expected a kind ({', '.join(KINDS)}) or a chip (noise_models.CHIPS)"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("depolarising:0.1", f"noise: got 'depolarising', {UNKNOWN}; did you mean 'depolarizing'?"),
        ("Amplitude_Dampin:0.1", f"noise: got 'Amplitude_Dampin', {UNKNOWN}; did you mean 'amplitude-damping'?"),
        ("torinno", f"noise: got 'torinno', {UNKNOWN}; did you mean 'torino'?"),
        ("FakeMarakesh*0.5", f"noise: got 'FakeMarakesh', {UNKNOWN}; did you mean 'marrakesh'?"),
        ("qqq", f"noise: got 'qqq', {UNKNOWN}"),
        ("", "noise: got '', expected kinds such as depolarizing:0.05, joined by +"),
        ("paper+", "noise: got 'paper+', expected kinds such as depolarizing:0.05, joined by +"),
        ("depolarizing", "depolarizing: got no p, expected its strength, such as depolarizing:0.05"),
        ("readout", "readout: got no p01, expected its strength, such as readout:0.05"),
        ("depolarizing:", "p: got '', expected a number"),
        ("depolarizing:x", "p: got 'x', expected a number"),
        ("depolarizing:1.5", f"noise: depolarizing:1.5: p: got 1.5, expected a number in [0, 4/3]{PERCENT}"),
        ("depolarizing:0.1,0.2", "depolarizing: got '0.2', expected parameters among p=..., on=..., wires=..."),
        ("depolarizing:q=1", "depolarizing: got the parameter 'q', expected one of p, on, wires"),
        ("depolarizing:0.1,p=0.2", "depolarizing: got p twice, expected it once"),
        ("depolarizing:0.1,on=", "on: got (), expected at least one name among u, cz, id"),
        ("paper*x", "factor: got 'x', expected a number"),
        ("paper*-1", "factor: got -1.0, expected a number of at least 0"),
        ("thermal-relaxation:t1=1", "thermal-relaxation: got no t2, expected t1=... and t2=..."),
        (
            "thermal-relaxation:1,1",
            "gate_times: got (), expected at least one name among u, cz, id",
        ),
        ("torino:5", "torino: got '5', expected parameters among idle=..."),
        ("torino:idle=5", "idle: got '5', expected true or false"),
        ("thermal-relaxation:1us,1us,u=1ns,idle=perhaps", "idle: got 'perhaps', expected true or false"),
        ("torino", "n_qubits: got None, expected the number of qubits to choose on the chip torino"),
        (
            "missing.json",
            "noise: got 'missing.json', expected a JSON file that can be read "
            "([Errno 2] No such file or directory: 'missing.json')",
        ),
        ("{}", 'text: got \'{}\', expected {"format": 1, "noise": [...]}'),
        ("(paper", "noise: got '(paper', expected parentheses that close, 64 at most"),
        ("paper/0", "noise: got 'paper/0', which divides by 0, expected a number above 0"),
        ("depolarizing:5us", "p: got '5us', expected a number"),
        ("depolarizing:x%", "p: got 'x%', expected a number, or one with %"),
        ("thermal-relaxation:5%,1", "t1: got '5%', expected a number"),
        ("bit-flip:0.1,wires=[0,0]", "wires: got (0, 0), expected at least one wire, and each of them once"),
        ("bit-flip:0.1,wires=[a]", "wires: got 'a', expected wires such as 0 or [0,2]"),
        (
            "readout:[0.1,0.2],[0.1,0.2,0.3]",
            "readout: got 2 in p01, 3 in p10, expected as many everywhere: one per wire",
        ),
        ("two-qubit-depolarizing:0.1,on=u", "on: got u, expected two-qubit instructions alone: cz, cx, ecr"),
        (
            "two-qubit-depolarizing:1.1",
            f"noise: two-qubit-depolarizing:1.1: p: got 1.1, expected a number in [0, 16/15]{PERCENT}",
        ),
        (3, "noise: got int, expected a specification such as depolarizing:0.05"),
    ],
)
def test_mistakes_are_said_in_one_line(text: str, line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole line is compared
        parse_noise(text)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("text", "strength", "line"),
    [
        ("paper", -0.1, "strength: got -0.1, expected a number of at least 0"),
        ("depolarizing", 1.5, "p: got 1.5, expected a number in [0, 4/3]"),
        ("readout:0.1+depolarizing", 1.5, "p: got 1.5, expected a number in [0, 4/3]"),
        ("readout:2+depolarizing", 0.1, "p01: got 2.0, expected a probability in [0, 1]"),
        ("readout:0.1+thermal-relaxation", 0.1, "thermal-relaxation: got no t1, expected t1=... and t2=..."),
    ],
)
def test_mistakes_in_strengths_are_said_in_one_line(text: str, strength: float, line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole line is compared
        at_strength(text, strength)
    assert str(caught.value) == line
