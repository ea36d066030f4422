"""The spectrum of a data angle: it rebuilds the function, keeps its power, and ends where theory says."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kronecker import random_circuits
from torch.testing import assert_close

from circuits import DataReupload, make_engine
from circuits.diagnostics import fourier_spectrum


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40)
@given(drawn=random_circuits(max_qubits=5, max_blocks=5), place=st.integers(0, 100))
def test_coefficients_rebuild_the_function_and_keep_its_power(drawn, place: int) -> None:
    circuit, seed = drawn
    index = place % circuit.n_inputs
    found = fourier_spectrum(circuit, index, samples=2, generator=seeded(seed))
    angles = torch.rand(40, generator=seeded(seed + 1), dtype=torch.float64) * 20 - 10
    engine = make_engine("pennylane", circuit)
    grid = 2 * math.pi * torch.arange(40, dtype=torch.float64) / 40
    for sample, (x, w) in enumerate(zip(found.inputs, found.weights, strict=True)):

        def along(points: torch.Tensor, x=x, w=w) -> torch.Tensor:
            moved = x.repeat(len(points), 1)
            moved[:, index] = points
            return engine(moved, w)

        assert_close(found.evaluate(angles)[sample], along(angles), atol=1e-10, rtol=0)
        # Parseval: forty equidistant points see every frequency below twenty.
        power = found.coefficients[sample].abs().square()
        assert_close(power[0] + 2 * power[1:].sum(0), along(grid).square().mean(0), atol=1e-10, rtol=0)


@settings(max_examples=60)
@given(drawn=random_circuits(max_qubits=7, max_blocks=5), place=st.integers(0, 100))
def test_no_power_beyond_the_number_of_blocks(drawn, place: int) -> None:
    circuit, seed = drawn
    found = fourier_spectrum(circuit, place % circuit.n_inputs, samples=2, generator=seeded(seed))
    assert found.coefficients.shape[1] > 2 * circuit.n_blocks, "the grid could not show what must be absent"
    assert found.magnitudes[circuit.n_blocks + 1 :].max() < 1e-13


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 4])
@pytest.mark.parametrize("entangler", ["ring", "line", "none"])
@pytest.mark.parametrize("angle", [0, 1, 2])
def test_highest_frequency_falls_with_distance(n_blocks: int, entangler: str, angle: int) -> None:
    """A gate d wires away needs d CZ layers behind it, so L - d of its L places count; a first RZ on |0> is idle."""
    found = fourier_spectrum(DataReupload(9, n_blocks, entangler), 3 * 4 + angle, samples=10, generator=seeded())
    expected = [max(0, n_blocks - abs(wire - 4) - (angle == 0)) for wire in range(9)]
    if entangler == "none":
        expected = [value if wire == 4 else 0 for wire, value in enumerate(expected)]
    assert found.degree.tolist() == expected
    outside = [wire for wire, value in enumerate(expected) if value == 0]
    assert found.magnitudes[1:, outside].amax() < 1e-13
    assert found.magnitudes[0, outside].amin() > 1e-3, "a wire that is always 0 would prove nothing"


def test_one_block_by_hand() -> None:
    """<Z> = cos(t) cos(x) - sin(t) cos(o + p) sin(x) in the RY angle x: c_1 = (cos(t) + i sin(t) cos(o + p)) / 2."""
    found = fourier_spectrum(DataReupload(1, 1), 1, samples=6, generator=seeded())
    o = found.inputs[:, 2]
    p, t = found.weights[:, 0, 0, 0], found.weights[:, 0, 0, 1]
    expected = torch.complex(t.cos(), t.sin() * (o + p).cos()) / 2
    assert_close(found.coefficients[:, 1, 0], expected, atol=1e-12, rtol=0)


def test_draws_come_from_the_generator_alone() -> None:
    circuit = DataReupload(2, 2)
    before = torch.get_rng_state()
    one, same, other = (fourier_spectrum(circuit, 1, 2, seeded(s)).coefficients for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_picture_shows_the_magnitudes() -> None:
    found = fourier_spectrum(DataReupload(3, 2), 4, samples=3, generator=seeded())
    axes = found.plot().axes[0]
    drawn = torch.as_tensor(axes.images[0].get_array().data)
    assert_close(drawn, found.magnitudes.clamp(min=1e-12).t(), atol=0, rtol=0)
    assert axes.get_xlabel() == "frequency (1/rad)"
    assert repr(found) == "FourierSpectrum(data angle 4: highest frequency by wire [1, 2, 1], bound 2)"


@pytest.mark.parametrize("index", [-1, 6])
def test_an_angle_that_is_not_there(index: int) -> None:
    with pytest.raises(ValueError, match=f"input_index: got {index}, expected 0 to 5"):
        fourier_spectrum(DataReupload(2, 1), index)
