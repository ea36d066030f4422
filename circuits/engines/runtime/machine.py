"""Machines that run primitives: simulators of this computer, snapshots of IBM's machines, and accounts."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from noise_models import Choices, Noise, brief, calibration_day, load_backend, reason

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.primitives import PrimitiveResult
    from qiskit.providers import BackendV2
    from qiskit_ibm_runtime import Batch, Session

    Mode: TypeAlias = BackendV2 | Session | Batch

SAMPLER, ESTIMATOR = "sampler", "estimator"
PRIMITIVES: Choices[tuple[str, str]] = Choices(
    "primitive",
    {SAMPLER: ("SamplerV2", "BackendSamplerV2"), ESTIMATOR: ("EstimatorV2", "BackendEstimatorV2")},
)
"""The primitives, and their classes in qiskit_ibm_runtime and in qiskit.primitives."""
SHOT_SECONDS = 250e-6
"""Seconds from one shot to the next where a machine states none: IBM's default `rep_delay`."""
ROUNDING = 1e-12
"""Part by which a precision is widened: 1 / precision^2 is rounded up to whole shots."""


class Job(Protocol):
    """A job that was sent."""

    def job_id(self) -> str: ...

    def result(self) -> PrimitiveResult[Any]: ...


class Machine:
    """A backend that runs primitives: how jobs are sent to it and found again.

    `mode` is a Qiskit backend, or a Session or Batch of qiskit-ibm-runtime. Simulators of this computer and the fake
    backends are local; everything else may cost money, and `is_local` is False.
    """

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.backend = _backend_of(mode)
        self.name = str(self.backend.name or type(self.backend).__name__)
        self.is_local = _is_local(self.backend)

    @property
    def shot_seconds(self) -> float:
        """Seconds from one shot to the next, without the circuit itself, which is much shorter."""
        configuration = self.backend.configuration() if hasattr(self.backend, "configuration") else None
        return float(getattr(configuration, "default_rep_delay", None) or SHOT_SECONDS)

    def send(
        self,
        primitive: str,
        circuit: QuantumCircuit,
        rows: NDArray[np.float64],
        reads: object,
        shots: int,
        seed: int,
        tag: str,
    ) -> Job:
        """Send one circuit with many rows of parameters; ValueError, with the machine's words, where it is refused.

        `reads` are the observables of the estimator. `seed` serves simulators, `tag` finds the job in an account.
        """
        try:
            made = self._primitive(primitive, seed, tag)
            if primitive == SAMPLER:
                return made.run([(circuit, rows)], shots=shots)
            return made.run([(circuit, reads, rows)], precision=shots**-0.5 * (1 + ROUNDING))
        except Exception as error:
            raise ValueError(
                f"backend: {self.name} did not take the job ({reason(error)}); nothing runs there"
            ) from error

    def _primitive(self, primitive: str, seed: int, tag: str) -> Any:
        name, plain = PRIMITIVES.pick(primitive)
        if importlib.util.find_spec("qiskit_ibm_runtime") is None:
            import qiskit.primitives

            return vars(qiskit.primitives)[plain](
                backend=self.backend, options={"seed_simulator": seed} if self.is_local else None
            )
        import qiskit_ibm_runtime

        made = getattr(qiskit_ibm_runtime, name)(mode=self.mode)
        if self.is_local:
            made.options.simulator.seed_simulator = seed
            return made
        made.options.environment.job_tags = [tag]
        if primitive == ESTIMATOR:
            made.options.resilience_level = 0  # the readings as they are, which is what a noise model predicts
        return made

    def find(self, job_id: str | None, tag: str) -> Job | None:
        """Return a job that was sent earlier, by its id or else by its tag; None where the account has none.

        Raises ValueError where the machine keeps no jobs, so that nobody can tell.
        """
        service = getattr(self.backend, "service", None)
        if service is None:
            raise ValueError(
                f"jobs: {tag} may have been sent to {self.name}, which keeps no jobs to ask for; remove its file from "
                "the folder to send it again"
            )
        try:
            if job_id is not None:
                return service.job(job_id)
            return next(iter(service.jobs(limit=1, job_tags=[tag])), None)
        except Exception as error:
            raise ValueError(
                f"jobs: {self.name} did not return {job_id or tag} ({reason(error)}); call again"
            ) from error


def open_machine(backend: Mode | str | None, noise: Noise | None) -> Machine:
    """Return the machine of an argument `backend`: its name, a Qiskit backend, a session; by default that of `noise`.

    The machine of a chip's noise is the one that it was calibrated on, that of other noise is an Aer simulator. Raises
    ValueError where there is none, or where its calibration is another than the noise's.
    """
    if isinstance(backend, str) and backend.strip().lower() != "aer":
        return Machine(load_backend(backend))
    if backend is not None and not isinstance(backend, str):
        return Machine(backend)
    chip = None if noise is None or backend is not None else noise.chip
    if chip is not None:
        try:
            machine = Machine(load_backend(chip.name))
        except ValueError as error:
            raise ValueError(
                f"backend: got None and the noise of {chip.name}, expected its backend ({error})"
            ) from error
        day = calibration_day(machine.backend)
        if machine.is_local and chip.date != day:
            raise ValueError(
                f"backend: got None and the noise of {chip.name} calibrated {chip.date or 'on no known day'}, expected "
                f"its backend: that of the name is a snapshot of {day}"
            )
        return machine
    from qiskit_aer import AerSimulator

    return Machine(AerSimulator() if noise is None else AerSimulator(noise_model=noise.aer))


def _backend_of(mode: object) -> BackendV2:
    from qiskit.providers import BackendV2

    if isinstance(mode, BackendV2):
        return mode
    if importlib.util.find_spec("qiskit_ibm_runtime") is not None:
        from qiskit_ibm_runtime import Batch, SamplerV2, Session

        if isinstance(mode, Session | Batch):
            return SamplerV2(mode=mode).backend()
    raise ValueError(
        f"backend: got {brief(mode)}, expected aer, a chip (noise_models.CHIPS), account:<name>, a Qiskit "
        "backend, or a Session or Batch of qiskit-ibm-runtime"
    )


def _is_local(backend: BackendV2) -> bool:
    from qiskit.providers.basic_provider import BasicSimulator
    from qiskit.providers.fake_provider import GenericBackendV2
    from qiskit_aer.backends.aerbackend import AerBackend

    if isinstance(backend, BasicSimulator | GenericBackendV2 | AerBackend):
        return True
    if importlib.util.find_spec("qiskit_ibm_runtime") is None:
        return False
    from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2

    return isinstance(backend, FakeBackendV2)
