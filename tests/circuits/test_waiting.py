"""Relaxation of wires that wait: the schedule by hand, Aer's delays and its relaxation pass, and all engines."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from qiskit.circuit import Delay
from qiskit.quantum_info import DensityMatrix, Kraus, Operator
from qiskit.transpiler import InstructionDurations, PassManager
from qiskit.transpiler.passes import ASAPScheduleAnalysis, PadDelay
from qiskit_aer import AerSimulator
from qiskit_aer.noise import RelaxationNoisePass

from circuits import DataReupload, RuntimeEngine, compile_circuit, make_engine
from noise_models import Noise, chip, depolarizing, from_aer, parse_noise, readout, thermal_relaxation
from noise_models.kinds import ThermalRelaxation

T1, T2 = 20e-6, 15e-6
DT = 1e-9


def angles(circuit: DataReupload, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.rand(2, circuit.n_inputs, generator=draw, dtype=torch.float64) * 3
    return inputs, torch.rand(circuit.weight_shape, generator=draw, dtype=torch.float64) * 3


def bound(circuit: DataReupload, noise: Noise, inputs: torch.Tensor, weights: torch.Tensor) -> list:
    """The circuit in Qiskit for each row of inputs, as the noise has it written."""
    compiled, half = compile_circuit(circuit, noise), circuit.n_weights
    rows = compiled.slots(inputs.numpy(), weights.numpy())
    slots = {f"{name}[{k}]": place * half + k for place, name in enumerate("xwc") for k in range(compiled.n_slots)}
    written = compiled.qiskit
    return [written.assign_parameters({each: row[slots[each.name]] for each in written.parameters}) for row in rows]


@pytest.mark.parametrize(
    ("circuit", "times"),
    [
        (DataReupload(3, 2), {"u": 50, "cz": 70}),
        (DataReupload(3, 2, [(0, 1), (2, 1)], "cnot", "added"), {"u": 50, "cz": 70}),
        (DataReupload(3, 2, "line", "crz", "block"), {"u": 40, "cz": 90}),
        pytest.param(DataReupload(5, 3, "brick"), {"u": 0, "cz": 300}, marks=pytest.mark.slow),
        pytest.param(DataReupload(4, 2, "line"), {"u": 35, "cz": 8}, marks=pytest.mark.slow),
        pytest.param(DataReupload(4, 2, "all"), {"u": 20, "cz": 90, "id": 400}, marks=pytest.mark.slow),
    ],
)
def test_waiting_is_what_qiskits_scheduler_and_aers_pass_make_of_it(circuit: DataReupload, times: dict) -> None:
    """Qiskit schedules as soon as possible and pads with delays, on which Aer's RelaxationNoisePass acts."""
    seconds = {name: count * DT for name, count in times.items()}
    noise = thermal_relaxation(T1, T2, seconds, idle=True) + depolarizing(0.02, on="u")
    inputs, weights = angles(circuit)
    durations = InstructionDurations([(name, None, times.get(name, 0)) for name in ("u", "cz", "id")], dt=DT)
    schedule = PassManager([ASAPScheduleAnalysis(durations), PadDelay(durations=durations)])
    model = noise.model()
    model._custom_noise_passes.append(RelaxationNoisePass([T1] * 5, [T2] * 5, dt=DT, op_types=Delay))
    simulator = AerSimulator(method="density_matrix", noise_model=model)
    expected = []
    for each in bound(circuit, noise, inputs, weights):
        padded = schedule.run(each)
        padded.save_density_matrix()
        state = simulator.run(padded).result().data()["density_matrix"]
        expected.append([np.diff(state.probabilities([wire])).item() * -1 for wire in range(circuit.n_qubits)])
    model._custom_noise_passes.clear()
    plain = make_engine("lightcone", circuit, noise=Noise(tuple(map(active, noise.parts))))(inputs, weights)
    for engine in ("lightcone", "pennylane", "aer"):
        values = make_engine(engine, circuit, noise=noise)(inputs, weights)
        assert_allclose(values, expected, atol=1e-10)
    assert np.abs(np.array(expected) - plain.numpy()).max() > 1e-4, "waiting makes a difference"


def active(part: object) -> object:
    """The part without waiting."""
    return ThermalRelaxation(part.t1, part.t2, part.gate_times) if isinstance(part, ThermalRelaxation) else part


def relaxed(seconds: float, t1: float = T1, t2: float = T2) -> Kraus:
    """Relaxation by hand: what is left of |1>, and dephasing that makes up for the rest of T2."""
    stays, coherent = np.exp(-seconds / t1), np.exp(-seconds / t2) / np.exp(-seconds / (2 * t1))
    decay = [np.diag([1, np.sqrt(stays)]), np.sqrt(1 - stays) * np.array([[0, 1], [0, 0]])]
    phases = [np.sqrt((1 + coherent) / 2) * np.eye(2), np.sqrt((1 - coherent) / 2) * np.diag([1, -1])]
    return Kraus([phase @ kraus for kraus in decay for phase in phases])


def test_a_line_of_three_by_hand() -> None:
    """The schedule written out: rotations of 1 us, CZ of 4 us, readings of 10 us; wire 1 has its own times."""
    circuit = DataReupload(3, 2, "line")
    times = {"u": 1e-6, "cz": 4e-6, "measure": 10e-6}
    noise = thermal_relaxation(T1, T2, times, wires=[0, 2], idle=True) + readout(0.03, 0.05)
    noise += thermal_relaxation(8e-6, 6e-6, times, wires=1, idle=True)
    inputs, weights = angles(circuit)
    written, _ = bound(circuit, noise, inputs, weights)
    own = [(T1, T2), (8e-6, 6e-6), (T1, T2)]
    state = DensityMatrix.from_label("000")
    for step in written.data:
        wires = [written.find_bit(qubit).index for qubit in step.qubits]
        state = state.evolve(Operator(step.operation), wires)
        for wire in wires:
            state = state.evolve(relaxed(4e-6 if len(wires) == 2 else 1e-6, *own[wire]), [wire])
        # Two rotations of each wire end at 2 us, the first CZ at 6 us, the second at 10 us; wire 2 waits for the
        # first, and wire 0 rests from 8 us, when its rotations end, until those of the others end at 12 us.
        if wires == [0, 1]:
            state = state.evolve(relaxed(4e-6, *own[2]), [2])
    state = state.evolve(relaxed(4e-6, *own[0]), [0])
    for wire in range(3):
        state = state.evolve(relaxed(10e-6, *own[wire]), [wire])
    means = [1 - 2 * state.probabilities([wire])[1] for wire in range(3)]
    expected = [(1 - 0.03 - 0.05) * mean + 0.05 - 0.03 for mean in means]
    for engine in ("lightcone", "pennylane", "aer"):
        assert_allclose(make_engine(engine, circuit, noise=noise)(inputs, weights)[0], expected, atol=1e-10)
    delays = [step for step in compile_circuit(circuit, noise).instructions if step.name == "delay"]
    assert [step.seconds for step in delays] == pytest.approx([4e-6, 4e-6])
    assert [step.wires for step in delays] == [(2,), (0,)]


@pytest.mark.slow
def test_gradients_and_shots_are_those_of_the_waiting_circuit() -> None:
    circuit = DataReupload(3, 2)
    noise = chip("torino", 3, "line", routed=True, idle=True)
    inputs, weights = angles(circuit)
    slopes = []
    for engine in ("lightcone", "aer"):
        here = weights.clone().requires_grad_()
        slopes.append(torch.autograd.grad(make_engine(engine, circuit, noise=noise)(inputs, here).sum(), here)[0])
    assert_allclose(*slopes, atol=1e-10)
    noise = thermal_relaxation(1e-6, 1e-6, {"cz": 4e-7, "measure": 1e-7}, idle=True)
    exact = make_engine("lightcone", circuit, noise=noise)(inputs, weights)
    for method in ("density_matrix", "statevector"):
        drawn = make_engine("aer", circuit, noise=noise, shots=20_000, method=method)(inputs, weights)
        assert (drawn - exact).abs().max() < 5 / np.sqrt(20_000)


def test_chips_wait_only_where_that_is_asked_for() -> None:
    still, waiting = chip("torino", 3, "line"), chip("torino", 3, "line", idle=True)
    circuit = DataReupload(3, 2, "line")
    assert parse_noise("torino:idle=true", 3, "line") == waiting
    assert (still.waits, waiting.waits) == (False, True)
    assert "idle" not in still.to_json()
    assert Noise.from_json(waiting.to_json()) == waiting
    (part,) = waiting.parts
    assert "delay" not in {step.name for step in compile_circuit(circuit, still).instructions}
    delays = [step for step in compile_circuit(circuit, waiting).instructions if step.name == "delay"]
    first = next(gate.duration for gate in part.gates if gate.name == "cz" and set(gate.wires) == {0, 1})
    assert delays[0].wires == (2,)
    assert delays[0].seconds == pytest.approx(first)
    halves = [step.seconds for step in compile_circuit(circuit, 0.5 * waiting).instructions if step.name == "delay"]
    assert_allclose(halves, [step.seconds / 2 for step in delays])
    inputs, weights = angles(circuit)
    ideal = make_engine("lightcone", circuit)(inputs, weights)
    assert_allclose(make_engine("lightcone", circuit, noise=0 * waiting)(inputs, weights), ideal, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2, 5),
    st.integers(1, 3),
    st.sampled_from(["ring", "line", "brick", "all", "none"]),
    st.tuples(*[st.integers(0, 9)] * 2),
)
def test_no_wire_is_ever_without_a_gate_or_a_delay(n: int, blocks: int, entangler: str, times: tuple) -> None:
    """Gates and delays of every wire add up to the length of the circuit: the longest path through its gates."""
    circuit = DataReupload(n, blocks, entangler)
    seconds = dict(zip(("u", "cz"), (1e-7 * time for time in times), strict=True))
    compiled = compile_circuit(circuit, thermal_relaxation(T1, T2, seconds, idle=True))
    spent, ends = np.zeros(n), np.zeros(n)
    for step in compiled.instructions:
        wires = list(step.wires)
        spent[wires] += step.seconds if step.name == "delay" else seconds[step.name]
        if step.name != "delay":
            ends[wires] = ends[wires].max() + seconds[step.name]
    assert_allclose(spent, ends.max(), atol=1e-13)


def test_what_has_no_schedule_is_refused() -> None:
    relaxation = thermal_relaxation(T1, T2, {"u": 1e-8}, idle=True)
    with pytest.raises(ValueError, match="idle: got parts with different gate times"):
        relaxation + thermal_relaxation(T1, T2, {"u": 2e-8}, idle=True)
    assert reduce(Noise.__add__, [relaxation, relaxation]).waits
    with pytest.raises(ValueError, match="idle: got 1, expected True or False"):
        thermal_relaxation(T1, T2, {"u": 1e-8}, idle=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="which simulates no relaxation while wires wait"):
        RuntimeEngine(DataReupload(2, 1), noise=relaxation, shots=10)
    assert not from_aer(relaxation.aer).waits
