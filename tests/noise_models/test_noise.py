"""Named noise: textbook channels, physics, scaling and text forms."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import noise_models
from noise_models import (
    Noise,
    amplitude_damping,
    bit_flip,
    chip,
    depolarizing,
    from_aer,
    gate_channel,
    overrotation,
    paper,
    phase_damping,
    phase_flip,
    readout,
    readout_matrix,
    thermal_relaxation,
    transfer_to_kraus,
)

WEAKEST = 2e-8
"""Aer takes damping of up to this for none."""

SMALLEST_TURN = 2e-5
"""Aer takes a rotation of up to this for none, in radians."""

fractions = st.floats(0, 1)
angles = st.floats(-4, 4)
places = st.lists(st.sampled_from(["u", "cz", "id"]), min_size=1, unique=True).map(tuple)
times = st.floats(1e-6, 1e-3)
durations = st.dictionaries(st.sampled_from(["u", "cz", "id"]), st.floats(0, 1e-5), min_size=1)


@st.composite
def relaxations(draw: Any) -> Noise:
    t1 = draw(times)
    return thermal_relaxation(t1, t1 * draw(st.floats(0.01, 2)), draw(durations))


single = st.one_of(
    st.builds(bit_flip, fractions, places),
    st.builds(phase_flip, fractions, places),
    st.builds(depolarizing, fractions, places),
    st.builds(amplitude_damping, fractions, places),
    st.builds(phase_damping, fractions, places),
    st.builds(overrotation, angles, st.sampled_from("xyz"), places),
    st.builds(readout, fractions, fractions),
    st.builds(paper, fractions),
    relaxations(),
)
noises = st.lists(single, min_size=1, max_size=4).map(lambda parts: sum(parts, Noise()))


def channel(noise: Noise, name: str = "u") -> np.ndarray:
    """The transfer matrix after an instruction; the identity where Aer kept none."""
    wires = (0, 1) if name == "cz" else (0,)
    found = gate_channel(noise.aer, name, wires)
    return np.eye(4 ** len(wires)) if found is None else found


@given(p=fractions)
def test_textbook_channels(p: float) -> None:
    shrunk, kept = 1 - 2 * p, math.sqrt(1 - p)
    for noise, diagonal in (
        (bit_flip(p), [1, 1, shrunk, shrunk]),
        (phase_flip(p), [1, shrunk, shrunk, 1]),
        (depolarizing(p), [1, 1 - p, 1 - p, 1 - p]),
        (phase_damping(p), [1, kept, kept, 1]),
        (amplitude_damping(p), [1, kept, kept, 1 - p]),
    ):
        expected = np.diag(diagonal).astype(float)
        expected[3, 0] = p if noise == amplitude_damping(p) else 0
        assert_allclose(channel(noise), expected, atol=WEAKEST)


@given(t1=times, ratio=st.floats(0.01, 2), time=st.floats(0, 1e-5))
def test_relaxation_decays_exponentially(t1: float, ratio: float, time: float) -> None:
    t2 = ratio * t1
    expected = np.diag([1, *[math.exp(-time / t2)] * 2, math.exp(-time / t1)])
    expected[3, 0] = 1 - math.exp(-time / t1)
    assert_allclose(channel(thermal_relaxation(t1, t2, {"u": time})), expected, atol=WEAKEST)


@given(angle=angles)
def test_overrotation_turns_the_bloch_sphere(angle: float) -> None:
    for axis, (here, there) in {"x": (2, 3), "y": (3, 1), "z": (1, 2)}.items():
        expected = np.eye(4)
        expected[[here, there], [here, there]] = math.cos(angle)
        expected[there, here], expected[here, there] = math.sin(angle), -math.sin(angle)
        assert_allclose(channel(overrotation(angle, axis)), expected, atol=SMALLEST_TURN)


@given(noise=noises)
def test_two_qubit_gates_take_the_channel_on_both_wires(noise: Noise) -> None:
    everywhere = Noise(tuple(part for part in noise.parts if {"u", "cz"} <= set(part.instructions)))
    if not any(part.kind in ("thermal_relaxation", "overrotation") for part in everywhere.parts):
        assert_allclose(channel(everywhere, "cz"), np.kron(channel(everywhere), channel(everywhere)), atol=1e-12)


@given(noise=noises)
def test_every_noise_is_completely_positive_and_keeps_the_trace(noise: Noise) -> None:
    for name in ("u", "cz", "id"):
        transfer = channel(noise, name)
        operators = transfer_to_kraus(transfer)
        assert_allclose(sum(k.conj().T @ k for k in operators), np.eye(len(operators[0])), atol=1e-11)
    assert_allclose(readout_matrix(noise.aer, 0).sum(axis=1), 1, atol=1e-12)


@given(first=noises, second=noises)
def test_a_sum_acts_from_left_to_right(first: Noise, second: Noise) -> None:
    both = first + second
    for name in ("u", "cz", "id"):
        assert_allclose(channel(both, name), channel(second, name) @ channel(first, name), atol=4 * SMALLEST_TURN)
    expected = readout_matrix(first.aer, 0) @ readout_matrix(second.aer, 0)
    assert_allclose(readout_matrix(both.aer, 0), expected, atol=1e-12)
    assert both.instructions == first.instructions | second.instructions


def test_the_order_of_a_sum_matters() -> None:
    damp, flip = amplitude_damping(0.4), bit_flip(0.3)
    assert np.abs(channel(damp + flip) - channel(flip + damp)).max() > 0.1


@given(p=fractions, k=fractions)
def test_a_factor_multiplies_every_strength(p: float, k: float) -> None:
    for build in (bit_flip, phase_flip, depolarizing, amplitude_damping, phase_damping, readout, overrotation):
        assert k * build(p) == build(k * p)
        assert build(p) * k == k * build(p)
    assert k * readout(p, 0.5) == readout(k * p, k * 0.5)
    assert k * thermal_relaxation(1.0, 1.5, {"u": p}) == thermal_relaxation(1.0, 1.5, {"u": k * p})
    assert k * (bit_flip(p) + readout(p)) == k * bit_flip(p) + k * readout(p)


def test_a_numpy_number_is_a_factor() -> None:
    assert np.float64(0.5) * paper() == 0.5 * paper() == paper() * np.float32(0.5)


@given(noise=noises)
def test_no_strength_is_no_noise_but_stays_declared(noise: Noise) -> None:
    none = 0 * noise
    assert none.instructions == noise.instructions
    assert none.has_readout == noise.has_readout
    assert none.basis == noise.basis
    assert none.aer.is_ideal()


@given(noise=noises)
def test_json_is_exact(noise: Noise) -> None:
    back = Noise.from_json(noise.to_json())
    assert back == noise
    assert hash(back) == hash(noise)
    assert back.aer == noise.aer


@given(noise=noises)
def test_the_text_form_evaluates_to_the_same_noise(noise: Noise) -> None:
    assert eval(repr(noise), vars(noise_models)) == noise


@given(noise=noises)
def test_pickled_noise_is_the_same_noise(noise: Noise) -> None:
    assert noise.aer is not None
    back = pickle.loads(pickle.dumps(noise))
    assert back == noise
    assert back.aer == noise.aer


def test_the_text_form_is_what_one_would_write() -> None:
    assert repr(paper()) == "bit_flip(0.02, on=('id',)) + depolarizing(0.03, on=('id',))"
    assert repr(0.5 * depolarizing(0.1) + readout(0.02)) == "depolarizing(0.05) + readout(0.02)"
    assert repr(overrotation(0.1, "z", on="cz")) == "overrotation(0.1, 'z', on=('cz',))"
    assert repr(Noise()) == "Noise()"


def test_the_papers_noise() -> None:
    kept = 0.97 * np.diag([1, 1, 0.96, 0.96])
    kept[0, 0] = 1
    assert_allclose(channel(paper(), "id"), kept, atol=1e-12)
    assert paper(0.1) == paper() + amplitude_damping(0.1, on=["id"])
    assert paper().instructions == {"id"}


def test_what_engines_ask() -> None:
    noise = depolarizing(0.1) + readout(0.1)
    assert noise.basis == ("u", "cz", "id")
    assert noise.instructions == {"u", "cz"}
    assert noise.has_readout
    assert not depolarizing(0.1).has_readout
    assert noise.n_wires is None
    assert noise.couplings is None
    assert noise.imported_instructions == frozenset()
    assert from_aer(noise.aer).imported_instructions == {"u", "cz"}
    assert depolarizing(0.1, on="sx").basis == ("rz", "sx", "x", "cz", "id")
    assert depolarizing(0.1, on=("sx", "cx")).basis == ("rz", "sx", "x", "cx", "id")
    assert Noise().basis == ("u", "cz", "id")
    assert Noise().aer.is_ideal()


def test_a_readout_matrix_is_read_row_by_row() -> None:
    noise = readout([[0.9, 0.1], [0.3, 0.7]])
    assert noise == readout(0.1, 0.3)
    assert_allclose(readout_matrix(noise.aer, 5), [[0.9, 0.1], [0.3, 0.7]])


PLACES = "names among u, cz, id (or a chip's rz, sx, x, u1, u2, u3, cx, ecr)"
BASES = "u, cz, id or rz, sx, x, cz, id or rz, sx, x, cx, id or u, cx, id or rz, sx, x, ecr, id or u1, u2, u3, cx, id"
OR_LIST = " or a list of such, or None for all wires"
MATRIX = "a 2x2 matrix of probabilities P(read j | true i) whose rows i add up to 1"


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: bit_flip(1.2), "p: got 1.2, expected a probability in [0, 1]"),
        (lambda: phase_flip(-0.1), "p: got -0.1, expected a probability in [0, 1]"),
        (lambda: depolarizing(math.nan), "p: got nan, expected a number in [0, 4/3]"),
        (lambda: depolarizing("a"), "p: got 'a', expected a number in [0, 4/3]"),  # type: ignore[arg-type]
        (lambda: depolarizing(True), "p: got True, expected a number in [0, 4/3]"),
        (lambda: amplitude_damping(2), "gamma: got 2.0, expected a probability in [0, 1]"),
        (lambda: phase_damping(2), "lam: got 2.0, expected a probability in [0, 1]"),
        (lambda: paper(-1), "damping: got -1.0, expected a probability in [0, 1]"),
        (lambda: bit_flip(0.1, on="foo"), f"on: got 'foo', expected {PLACES}"),
        (lambda: bit_flip(0.1, on=()), "on: got (), expected at least one name among u, cz, id"),
        (lambda: bit_flip(0.1, on=3), "on: got 3, expected at least one name among u, cz, id"),  # type: ignore[arg-type]
        (
            lambda: bit_flip(0.1, on=("u", "sx")),
            f"on: got u, sx, expected names that one circuit can hold: {BASES}",
        ),
        (
            lambda: bit_flip(0.1, on="sx") + bit_flip(0.1, on="u"),
            f"on: got sx, u, expected names that one circuit can hold: {BASES}",
        ),
        (lambda: thermal_relaxation(1e-4, 3e-4, {"u": 1}), "t2: got 0.0003 s, expected at most 2 t1 = 0.0002 s"),
        (lambda: thermal_relaxation(0, 1, {"u": 1}), "t1: got 0.0, expected a positive time in seconds"),
        (lambda: thermal_relaxation(1, math.inf, {"u": 1}), "t2: got inf s, expected at most 2 t1 = 2.0 s"),
        (
            lambda: thermal_relaxation(1, 1, {"u": -1}),
            "gate_times['u']: got -1.0, expected a time of at least 0 in seconds",
        ),
        (lambda: thermal_relaxation(1, 1, {"h": 1}), f"gate_times: got 'h', expected {PLACES}"),
        (lambda: thermal_relaxation(1, 1, {}), "gate_times: got (), expected at least one name among u, cz, id"),
        (
            lambda: thermal_relaxation(1, 1, 3),  # type: ignore[arg-type]
            "gate_times: got 3, expected seconds by instruction, such as {'u': 35e-9}",
        ),
        (lambda: readout(1.5), "p01: got 1.5, expected a probability in [0, 1]"),
        (lambda: readout(0.5, -1), "p10: got -1.0, expected a probability in [0, 1]"),
        (lambda: readout([[1, 0], [0.5, 0.6]]), f"readout: got [[1.0, 0.0], [0.5, 0.6]], expected {MATRIX}"),
        (lambda: readout([[1, 0]]), f"readout: got [[1.0, 0.0]], expected {MATRIX}"),
        (lambda: readout("ab"), "p01: got 'ab', expected a probability in [0, 1]"),  # type: ignore[arg-type]
        (lambda: readout([0.1, 2]), "p01[1]: got 2.0, expected a probability in [0, 1]"),
        (lambda: readout([]), "p01: got no probabilities, expected one per wire"),  # type: ignore[arg-type]
        (
            lambda: readout([0.1], [0.1, 0.2]),
            "readout: got 1 in p01, 2 in p10, expected as many everywhere: one per wire",
        ),
        (lambda: bit_flip(0.1, wires=[-1]), "wires: got -1, expected a whole number of at least 0" + OR_LIST),
        (lambda: bit_flip(0.1, wires="0"), "wires: got '0', expected a whole number of at least 0" + OR_LIST),  # type: ignore[arg-type]
        (lambda: bit_flip(0.1, wires=[]), "wires: got [], expected at least one wire, and each of them once"),
        (lambda: bit_flip(0.1) / 0, "divisor: got 0, expected a number above 0"),
        (lambda: overrotation(0.1, "w"), "axis: got 'w', expected one of x, y, z"),
        (lambda: overrotation(math.inf), "angle: got inf, expected an angle in radians"),
        (lambda: -1 * bit_flip(0.1), "factor: got -1.0, expected a number of at least 0"),
        (lambda: bit_flip(0.1) * math.nan, "factor: got nan, expected a number of at least 0"),
        (lambda: 3 * bit_flip(0.5), "p: got 1.5, expected a probability in [0, 1]"),
        (lambda: 3 * readout(0.1, 0.5), "p10: got 1.5, expected a probability in [0, 1]"),
    ],
)
def test_what_is_not_physical_is_said_in_one_line(build: Any, line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole line is compared
        build()
    assert str(caught.value) == line


def stored(*parts: object) -> str:
    return json.dumps({"format": 1, "noise": parts})


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("abc", "text: got 'abc', expected JSON written by Noise.to_json() ("),
        ("[]", "text: got '[]', expected {\"format\": 1,"),
        ('{"format": 2, "noise": []}', 'text: got \'{"format": 2, '),
        (stored({"kind": "os.system", "p": "rm"}), "kind: got 'os.system', expected one of bit_flip, "),
        (stored({"kind": ["bit_flip"]}), "kind: got ['bit_flip'], expected one of bit_flip, "),
        (stored("bit_flip"), "kind: got None, expected one of bit_flip, "),
        (stored({"kind": "bit_flip", "q": 1}), "bit_flip: got fields that do not make this kind of noise ("),
        (stored({"kind": "bit_flip", "p": 2, "on": ["u"]}), "p: got 2.0, expected a probability in [0, 1]"),
        (stored({"kind": "bit_flip", "p": 0.1, "on": []}), "on: got [], expected at least one name"),
        (stored({"kind": "chip", "name": "torino"}), "chip: got fields that do not make this kind of noise ("),
        (stored({"kind": "aer", "errors": 3}), "aer: got fields that do not make this kind of noise ("),
    ],
)
def test_broken_json_is_said_in_one_line(text: str, start: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the start is compared
        Noise.from_json(text)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    inside = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    below = [leaf for _, one in inside if isinstance(one, dict | list) for leaf in leaves(one)]
    return [(value, key) for key, _ in inside] + below


STORED = (
    (paper(0.1) + readout(0.1) + thermal_relaxation(1.0, 1.5, {"u": 0.1}) + overrotation(0.1)).to_json(),
    chip("manila", 3, "line").to_json(),
    from_aer((depolarizing(0.1, on="u") + readout(0.1)).aer).to_json(),
)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.just(10**400),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(0, 3), max_size=2),
    st.just({"u": "cz"}),
)


@given(text=st.sampled_from(STORED), data=st.data())
def test_damaged_json_is_refused_in_one_line_or_still_noise(text: str, data: Any) -> None:
    value = json.loads(text)
    del value["sha256"]  # which would notice every damage
    places = leaves(value)
    container, key = places[data.draw(st.integers(0, len(places) - 1))]
    container[key] = data.draw(JUNK)
    try:
        noise = Noise.from_json(json.dumps(value))
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 - not every damage is one
    else:
        assert Noise.from_json(noise.to_json()) == noise
        assert noise.aer is not None
