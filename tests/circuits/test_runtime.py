"""The engine runtime: shots of machines against the exact prediction, jobs that outlive their process, refusals."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from kronecker import random_angles
from qiskit.circuit import Measure, Parameter
from qiskit.circuit.library import RZGate, SXGate
from qiskit.primitives import BitArray
from qiskit.providers import BackendV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import InstructionProperties, Target
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import Session
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from torch import Tensor
from torch.testing import assert_close

from circuits import DataReupload, ReuploadLayer, RuntimeEngine, make_engine
from circuits.engines.runtime import dispatch
from circuits.engines.runtime.machine import Machine
from noise_models import amplitude_damping, chip, depolarizing, readout

CIRCUIT = DataReupload(3, 2, "line")
SIGMAS = 4
MANILA = FakeManilaV2()
"""One for all tests: it takes a second to make its noise."""


def deviations(engine: RuntimeEngine, inputs: Tensor, weights: Tensor, drawn: Tensor) -> Tensor:
    """How many standard errors the values lie from the exact prediction under the machine's noise."""
    exact = make_engine("lightcone", engine.circuit, noise=engine.noise, observable=engine.observable)(inputs, weights)
    return (drawn - exact).abs() / ((1 - exact**2) / engine.shots).sqrt()


def angles(circuit: DataReupload, batch: int) -> tuple[Tensor, Tensor]:
    inputs, weights = random_angles(circuit, 5, batch=batch)
    return inputs.detach(), weights.detach()


# Manila misreads 1 twice as often as 0, so a mean error of the readings would be ten standard errors off.
@pytest.mark.parametrize(("primitive", "observable"), [("sampler", "Z"), ("estimator", "ZZ")])
def test_a_machine_is_what_its_noise_predicts(primitive: str, observable: str) -> None:
    inputs, weights = angles(CIRCUIT, 2)
    engine = RuntimeEngine(CIRCUIT, shots=4000, backend=MANILA, primitive=primitive, observable=observable)
    assert engine.noise == chip("ibmq_manila", 3, "line")
    assert deviations(engine, inputs, weights, engine(inputs, weights)).max() < SIGMAS
    assert f"4,000 shots, under <manila qubits [2, 3, 4], calibrated 2024-05-27>, {primitive} on" in repr(engine)


@pytest.mark.slow
@pytest.mark.parametrize("primitive", ["sampler", "estimator"])
@pytest.mark.parametrize("name", ["guadalupe", "sherbrooke", "torino"])  # gates cx, ecr, cz
def test_nine_qubits_on_a_machine(name: str, primitive: str) -> None:
    circuit = DataReupload(9, 2, "line")
    inputs, weights = angles(circuit, 2)
    engine = RuntimeEngine(circuit, shots=20_000, backend=name, primitive=primitive)
    assert deviations(engine, inputs, weights, engine(inputs, weights)).max() < SIGMAS


def test_other_noise_runs_on_an_aer_simulator() -> None:
    inputs, weights = angles(CIRCUIT, 3)
    noise = amplitude_damping(0.1) + readout(0.02, 0.2)
    engine = RuntimeEngine(CIRCUIT, noise=noise, shots=4000)
    assert deviations(engine, inputs, weights, engine(inputs, weights)).max() < SIGMAS
    given = RuntimeEngine(CIRCUIT, shots=4000, backend=AerSimulator(noise_model=noise.aer))
    assert deviations(given, inputs, weights, given(inputs, weights)).max() < SIGMAS
    assert torch.equal(pickle.loads(pickle.dumps(engine))(inputs, weights), engine(inputs, weights))


def test_gradients_are_parameter_shifts() -> None:
    circuit = DataReupload(1, 2)
    inputs, weights = random_angles(circuit, 3, batch=1)
    layer = RuntimeEngine(circuit, noise=depolarizing(0.05), shots=1000)
    exact = make_engine("lightcone", circuit, noise=depolarizing(0.05))
    ours, theirs = (torch.autograd.grad(each(inputs, weights).sum(), (inputs, weights)) for each in (layer, exact))
    for one, other in zip(ours, theirs, strict=True):
        # A data angle is shifted in two blocks; half a difference of two means has a variance of at most 1 / (2 shots).
        assert_close(one, other, atol=SIGMAS * 1000**-0.5, rtol=0)
        assert other.abs().max() > 0.2


class Account:
    """A machine of an account, as its service shows it: jobs run there, and stay when the process ends."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}
        self.dies_after: int | None = None
        self.forgets_to_answer = False

    def job(self, job_id: str) -> Any:
        return self.sent[job_id]

    def jobs(self, limit: int, job_tags: list[str]) -> list[Any]:
        return [job for job in self.sent.values() if job.tag in job_tags][:limit]


class Killed(BaseException):
    pass


def answer(job_id: str, tag: str, rows: int, shots: int) -> Any:
    """A job whose shots are random bits."""
    bits = np.random.default_rng(len(tag)).integers(8, size=(rows, shots, 1), dtype=np.uint8)
    result = [SimpleNamespace(data={"z": BitArray(bits, 3)})]
    return SimpleNamespace(tag=tag, job_id=lambda: job_id, result=lambda: result)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account()

    def send(machine: Machine, primitive: str, circuit: Any, rows: Any, reads: Any, shots: int, *seed_tag: Any) -> Any:
        number = len(account.sent)
        if number == account.dies_after:
            raise Killed
        account.sent[f"j{number}"] = job = answer(f"j{number}", seed_tag[1], len(rows), shots)
        if account.forgets_to_answer:
            raise Killed
        return job

    monkeypatch.setattr(Machine, "send", send)
    monkeypatch.setattr("circuits.engines.runtime.machine._is_local", lambda backend: False)
    monkeypatch.setattr(FakeManilaV2, "service", account, raising=False)
    monkeypatch.setattr(dispatch, "JOB_ROWS", 1)
    return account


def paid(folder: Path | None, **options: Any) -> RuntimeEngine:
    options = {"yes": True, "jobs": folder, "shots": 50, **options}
    return RuntimeEngine(CIRCUIT, backend=MANILA, generator=torch.Generator().manual_seed(3), **options)


def test_nothing_is_sent_without_consent(account: Account, tmp_path: Path, capsys) -> None:
    inputs, weights = angles(CIRCUIT, 3)
    stated = "3 jobs to fake_manila: 3 circuits of 50 shots, 150 shots in all, about 0 s of the machine"
    with pytest.raises(ValueError, match=rf"^yes: got False, expected True to send {stated}; nothing was sent$"):
        paid(tmp_path, yes=False)(inputs, weights)
    with pytest.raises(ValueError, match=rf"^jobs: got None, expected a folder for ids and results of {stated}; noth"):
        paid(None)(inputs, weights)
    engine = paid(tmp_path)
    with pytest.raises(ValueError, match=r"^backend: a gradient takes 72 runs per sample, which are not sent to fake_"):
        engine.jacobian(inputs, weights, (True, True), None)
    assert not account.sent
    engine(inputs, weights)
    assert len(account.sent) == 3
    assert capsys.readouterr().err == f"sending {stated}\n"


@pytest.mark.parametrize("answered", [True, False])
def test_a_killed_call_loses_nothing_and_sends_nothing_twice(account: Account, tmp_path: Path, answered: bool) -> None:
    """Killed before a job is sent, or after it was sent and before its id is known."""
    inputs, weights = angles(CIRCUIT, 3)
    account.dies_after, account.forgets_to_answer = (2, False) if answered else (None, True)
    with pytest.raises(Killed):
        paid(tmp_path)(inputs, weights)
    before = dict(account.sent)
    assert len(before) == (2 if answered else 1)
    account.dies_after, account.forgets_to_answer = None, False
    values = paid(tmp_path)(inputs, weights)
    assert {name: account.sent[name] for name in before} == before
    tags = [job.tag for job in account.sent.values()]
    assert len(tags) == len(set(tags)) == 3
    # What came back is read, without consent and without the account.
    first = {job.tag: job.result()[0].data["z"].array for job in account.sent.values()}
    account.sent.clear()
    assert torch.equal(paid(tmp_path, yes=False)(inputs, weights), values)
    for row, tag in enumerate(sorted(first)):
        bits = np.unpackbits(first[tag][0], axis=1, bitorder="little")[:, :3]
        assert_close(values[row], torch.from_numpy(1 - 2 * bits.mean(0)), atol=1e-12, rtol=0)
    # Another draw is another request.
    paid(tmp_path)(inputs, weights, torch.Generator().manual_seed(4))
    assert len(account.sent) == 3


def test_a_simulation_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, weights = angles(CIRCUIT, 3)
    monkeypatch.setattr(dispatch, "JOB_ROWS", 1)

    def engine(folder: Path | None) -> RuntimeEngine:
        return RuntimeEngine(CIRCUIT, shots=50, jobs=folder, generator=torch.Generator().manual_seed(3))

    sent, real = [], Machine.send

    def send(machine: Machine, *arguments: Any) -> Any:
        if len(sent) == 2:
            sent.append("killed")
            raise Killed
        sent.append(arguments[-1])
        return real(machine, *arguments)

    monkeypatch.setattr(Machine, "send", send)
    with pytest.raises(Killed):
        engine(tmp_path)(inputs, weights)
    values = engine(tmp_path)(inputs, weights)
    assert len(sent) == 4
    assert torch.equal(values, engine(None)(inputs, weights))
    file = next(tmp_path.glob("*.json"))
    file.write_text(file.read_text().replace('"shots": 50', '"shots": 51'))
    with pytest.raises(ValueError, match=r"^jobs: cannot read .*it was changed after it was written"):
        engine(tmp_path)(inputs, weights)


def one_qubit_gates() -> BackendV2:
    errors = InstructionProperties(error=0.01)
    target = Target(num_qubits=3)
    for gate in (RZGate(Parameter("a")), SXGate(), Measure()):
        target.add_instruction(gate, {(qubit,): errors for qubit in range(3)})
    backend = GenericBackendV2(3)
    backend._target = target
    return backend


def closed() -> Session:
    session = Session(backend=MANILA)
    session.close()
    return session


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"shots": None}, "shots: got None, expected a whole number"),
        ({"observable": "X"}, "observable: got 'X', expected one of Z, ZZ"),
        ({"primitive": "estimate"}, "primitive: got 'estimate', expected one of sampler, estimator; did you mean"),
        ({"backend": "torin"}, "name: got 'torin', expected a chip .* did you mean 'torino'"),
        ({"backend": 3}, "backend: got 3, expected aer, a chip"),
        ({"backend": "armonk"}, "n_qubits: got 3, expected at most 1, the qubits of armonk"),
        ({"backend": one_qubit_gates()}, "name: .* has the gates rz, sx, measure, expected one on two qubits: cz, cx"),
        ({"backend": "manila", "noise": depolarizing(0.1)}, r"noise: got depolarizing\(0.1\) on fake_manila, which"),
        ({"noise": 0.5 * chip("manila", 3, "line")}, "noise: got .* expected None or its own, at strength 1"),
        ({"noise": chip(GenericBackendV2(3, seed=1), 3, "line")}, "backend: got None and the noise of generic"),
        ({"backend": closed()}, "backend: fake_manila did not take the job .*closed.*; nothing runs there"),
        ({"jobs": "/proc/no/such"}, "jobs: cannot write /proc/no/such"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=f"^{line}") as caught:
        RuntimeEngine(CIRCUIT, **{"shots": 10, **options})(*angles(CIRCUIT, 1))
    assert "\n" not in str(caught.value)


def test_a_missing_package_or_account_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    for name in ("account:ibm_torino", "torino"):
        with pytest.raises(ValueError, match=r"^name: torino needs the package qiskit-ibm-runtime"):
            RuntimeEngine(CIRCUIT, shots=10, backend=name)


def test_a_layer_runs_on_a_machine_and_is_predicted() -> None:
    layer = ReuploadLayer(3, 2, "line", noise="manila").double()
    machine = layer.with_engine("runtime", shots=20)
    assert (machine.engine.machine.name, machine.engine.noise) == ("fake_manila", layer.noise)
    assert machine(angles(CIRCUIT, 0)[0]).shape == (0, 3)
