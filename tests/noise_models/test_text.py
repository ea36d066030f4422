"""Noise written in a line of text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    overrotation,
    paper,
    parse_noise,
    phase_damping,
    phase_flip,
    readout,
    strength_label,
    thermal_relaxation,
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
    ],
)
def test_what_a_specification_means(text: str, noise: Noise) -> None:
    assert parse_noise(text) == noise


@given(kind=st.sampled_from(sorted(LIBRARY)), p=st.floats(0, 1), factor=st.floats(0, 1))
def test_numbers_are_read_exactly(kind: str, p: float, factor: float) -> None:
    assert parse_noise(f"{kind}:{p!r}") == LIBRARY[kind](p)
    assert parse_noise(f"{kind}:{p!r}*{factor!r}") == factor * LIBRARY[kind](p)
    assert parse_noise(f"{kind}:{p!r}+{kind}:{factor!r}") == LIBRARY[kind](p) + LIBRARY[kind](factor)


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
        ("depolarizing:1.5", "p: got 1.5, expected a number in [0, 4/3]"),
        ("depolarizing:0.1,0.2", "depolarizing: got '0.2', expected parameters among p=..., on=..."),
        ("depolarizing:q=1", "depolarizing: got the parameter 'q', expected one of p, on"),
        ("depolarizing:0.1,p=0.2", "depolarizing: got p twice, expected it once"),
        ("depolarizing:0.1,on=", "on: got (), expected at least one name among u, cz, id"),
        ("paper*x", "factor: got 'x', expected a number"),
        ("paper*-1", "factor: got -1.0, expected a number of at least 0"),
        ("thermal-relaxation:t1=1", "thermal-relaxation: got no t2, expected t1=... and t2=..."),
        (
            "thermal-relaxation:1,1",
            "gate_times: got (), expected at least one name among u, cz, id",
        ),
        ("torino:5", "noise: got 'torino:5', expected no parameters after the chip torino"),
        ("torino", "n_qubits: got None, expected the number of qubits to choose on the chip torino"),
        (
            "missing.json",
            "noise: got 'missing.json', expected a JSON file that can be read "
            "([Errno 2] No such file or directory: 'missing.json')",
        ),
        ("{}", 'text: got \'{}\', expected {"format": 1, "noise": [...]}'),
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
