"""The PennyLane device: preprocessing, execution and derivatives, each delegated to its file."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import TypeAlias

import numpy as np
import pennylane as qml
from pennylane.devices import Device, ExecutionConfig
from pennylane.devices.modifiers import simulator_tracking, single_tape_support
from pennylane.devices.preprocess import (
    decompose,
    device_resolve_dynamic_wires,
    no_sampling,
    validate_device_wires,
    validate_measurements,
)
from pennylane.exceptions import DeviceError
from pennylane.math import Interface
from pennylane.tape import QuantumScript, QuantumScriptOrBatch
from pennylane.transforms import broadcast_expand, defer_measurements
from pennylane.transforms.core import CompilePipeline
from pennylane.typing import Result, ResultBatch
from torch import Tensor

from circuits.pennylane_device.batches import fill_empty_batch
from circuits.pennylane_device.channels import dilate_channels
from circuits.pennylane_device.derivatives import jacobian, vector_jacobian_product
from circuits.pennylane_device.execution import as_numpy, run_tape
from circuits.pennylane_device.preprocess import (
    NAME,
    NATIVE_GATES,
    decompose_late_states,
    decompose_once,
    is_analytic_measurement,
    is_differentiable_on_device,
    is_native,
    is_sample_measurement,
)
from circuits.pennylane_device.wires import name_all_wires
from noise_models import whole

DEFAULT_MAX_WIRES = 20
"""A register of 20 wires is 16 MiB per sample in complex128."""

_ON_DEVICE = ("device", "adjoint")
Config: TypeAlias = ExecutionConfig | None
Seed: TypeAlias = int | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | str | None


@simulator_tracking
@single_tape_support
class LightConeDevice(Device):
    """Evaluate each observable exactly on the wires and gates that can reach it, and on no other.

    The cost of <O> is that of a state vector of O's causal cone, at most 2^max_wires amplitudes, however many `wires`
    the circuit has. `seed` starts the generator of finite shots: a whole number, a NumPy Generator, None for fresh
    entropy, or "global" for a seed drawn from NumPy's global generator, which `np.random.seed` sets.
    Noise channels are exact too, by one or more wires of the cone for each channel in it.
    Torch parameters are differentiated by backpropagation, to any order; other interfaces receive derivatives computed
    with torch autograd on the device.

    Raises ValueError when max_wires is not a whole number of at least 1 or seed is none of these, and DeviceError on
    execution when a cone outgrows max_wires or an observable is not Hermitian.
    """

    name = NAME

    def __init__(
        self,
        wires: int | Iterable[Hashable] | None = None,
        shots: int | Sequence[int | Sequence[int]] | None = None,
        *,
        max_wires: int = DEFAULT_MAX_WIRES,
        seed: Seed = "global",
    ) -> None:
        max_wires = whole("max_wires", max_wires)
        if wires is not None and not isinstance(wires, Iterable):
            wires = whole("wires", wires, otherwise=" or a list of labels")
        super().__init__(wires=wires, shots=_plain(shots))
        self.max_wires = max_wires
        self._rng = _generator(seed)

    def preprocess_transforms(self, execution_config: Config = None) -> CompilePipeline:
        """Return the transforms that turn a circuit into one of native gates and checked measurements."""
        config = execution_config or ExecutionConfig()
        program = CompilePipeline()
        program.add_transform(fill_empty_batch)
        # The wires are the user's here: a deferred measurement adds its own, which cost nothing.
        program.add_transform(device_resolve_dynamic_wires, wires=self.wires, allow_resets=False)
        program.add_transform(validate_device_wires, self.wires, name=self.name)
        program.add_transform(defer_measurements, allow_postselect=False)
        program.add_transform(name_all_wires)
        program.add_transform(dilate_channels)
        program.add_transform(decompose_late_states)
        program.add_transform(
            decompose,
            stopping_condition=is_native,
            skip_initial_state_prep=False,
            decomposer=decompose_once,
            device_wires=self.wires,
            target_gates=set(NATIVE_GATES),
            name=self.name,
        )
        program.add_transform(device_resolve_dynamic_wires, wires=self.wires, allow_resets=False)
        program.add_transform(
            validate_measurements,
            analytic_measurements=is_analytic_measurement,
            sample_measurements=is_sample_measurement,
            name=self.name,
        )
        if config.gradient_method in ("backprop", *_ON_DEVICE):
            program.add_transform(no_sampling, name=f"{config.gradient_method} + {self.name}")
        if config.gradient_method in _ON_DEVICE and not config.use_device_jacobian_product:
            program.add_transform(broadcast_expand)
        return program

    def setup_execution_config(self, config: Config = None, circuit: QuantumScript | None = None) -> ExecutionConfig:
        """Return the configuration with the gradient method chosen: backprop for torch, the device's own otherwise.

        Raises DeviceError on unknown device options and on mid-circuit measurements that are not deferred.
        """
        config = config or ExecutionConfig()
        if config.device_options:
            raise DeviceError(f"{self.name}: got device options {sorted(config.device_options)}, expected none")
        if config.mcm_config.mcm_method not in (None, "deferred"):
            raise DeviceError(f"{self.name}: got mcm_method {str(config.mcm_config.mcm_method)!r}, expected 'deferred'")
        method = config.gradient_method
        if method == "best" and self.supports_derivatives(config, circuit):
            method = "backprop" if _interface(config, circuit) == Interface.TORCH else "device"
        if method not in ("backprop", *_ON_DEVICE):
            return config
        # One backward pass serves all outputs; only jax asks for Jacobian-vector products instead.
        product = method != "backprop" and _interface(config, circuit) not in (Interface.JAX, Interface.JAX_JIT)
        return replace(
            config,
            gradient_method=method,
            use_device_gradient=True,
            use_device_jacobian_product=product,
            grad_on_execution=False,
        )

    def supports_derivatives(self, execution_config: Config = None, circuit: QuantumScript | None = None) -> bool:
        """Say whether the device differentiates: exact expectations, variances and probabilities, in every interface.

        Backpropagation needs torch parameters, and then also covers states and functions of them.
        """
        config = execution_config or ExecutionConfig(gradient_method="best")
        if config.gradient_method not in ("best", "backprop", *_ON_DEVICE):
            return False
        if circuit is not None and circuit.shots:
            return False
        if config.gradient_method in ("best", "backprop") and _interface(config, circuit) == Interface.TORCH:
            return True
        if config.gradient_method == "backprop":
            return circuit is None and _interface(config, circuit) in (Interface.AUTO, Interface.NUMPY)
        return circuit is None or all(is_differentiable_on_device(m) for m in circuit.measurements)

    def supports_vjp(self, execution_config: Config = None, circuit: QuantumScript | None = None) -> bool:
        """Say whether the device provides vector-Jacobian products."""
        return self.supports_derivatives(execution_config, circuit)

    def execute(self, circuits: QuantumScriptOrBatch, execution_config: Config = None) -> ResultBatch:
        """Return the results of preprocessed circuits."""
        config = execution_config or ExecutionConfig()
        return tuple(self._execute_one(circuit, config) for circuit in circuits)

    def _execute_one(self, circuit: QuantumScript, config: ExecutionConfig) -> Result:
        tensors, drawn = run_tape(circuit, self.max_wires, self._rng)
        if tensors is None:
            return drawn
        parameters = circuit.get_parameters(trainable_only=False)
        wants_torch = config.interface == Interface.TORCH and config.gradient_method == "backprop"
        if not wants_torch and not any(isinstance(value, Tensor) for value in parameters):
            return _unpacked(as_numpy(tensors))
        return _unpacked(tensors)

    def compute_vjp(
        self, circuits: QuantumScriptOrBatch, cotangents: ResultBatch, execution_config: Config = None
    ) -> ResultBatch:
        """Return the vector-Jacobian products of preprocessed circuits."""
        return tuple(
            vector_jacobian_product(circuit, weights, self.max_wires, self._rng)
            for circuit, weights in zip(circuits, cotangents, strict=True)
        )

    def compute_derivatives(self, circuits: QuantumScriptOrBatch, execution_config: Config = None) -> ResultBatch:
        """Return the Jacobians of preprocessed circuits."""
        return tuple(jacobian(circuit, self.max_wires, self._rng)[1] for circuit in circuits)

    def execute_and_compute_derivatives(
        self, circuits: QuantumScriptOrBatch, execution_config: Config = None
    ) -> tuple[ResultBatch, ResultBatch]:
        """Return results and Jacobians of preprocessed circuits."""
        pairs = [jacobian(circuit, self.max_wires, self._rng) for circuit in circuits]
        return tuple(_unpacked(values) for values, _ in pairs), tuple(jacobians for _, jacobians in pairs)


def _plain(shots: int | Sequence[int | Sequence[int]] | None) -> object:
    """Return shots with NumPy's whole numbers as Python's, which PennyLane asks for."""
    if isinstance(shots, Integral):
        return int(shots)
    return tuple(_plain(some) for some in shots) if isinstance(shots, list | tuple | np.ndarray) else shots


def _generator(seed: Seed) -> np.random.Generator:
    """Return the generator of finite shots; by default, like default.qubit, seeded from NumPy's global one."""
    try:
        if not isinstance(seed, str):
            return np.random.default_rng(seed)
        if seed == "global":
            return np.random.default_rng(np.random.randint(10_000_000))  # noqa: NPY002
        raise TypeError(f"no seed is called {seed!r}")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"seed: got {seed!r}, expected a whole number of at least 0, a NumPy Generator, None or 'global'"
        ) from error


def _unpacked(values: Sequence[Result]) -> Result:
    """Return the results of one circuit as PennyLane nests them: a single one bare."""
    return values[0] if len(values) == 1 else tuple(values)


def _interface(config: ExecutionConfig, circuit: QuantumScript | None) -> Interface:
    """Return the interface of the configuration, read off the circuit's parameters where it is to be found out."""
    if config.interface == Interface.AUTO and circuit is not None:
        return Interface(qml.math.get_interface(*circuit.get_parameters(trainable_only=False)))
    return Interface(config.interface)
