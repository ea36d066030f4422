"""The circuit as a PennyLane TorchLayer, on any PennyLane device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pennylane as qml
import torch
from pennylane.devices import Device
from pennylane.operation import Operator
from torch import Tensor

from circuits.compile import compile_circuit
from circuits.cone import held_paulis
from circuits.engines.base import Engine, own_generator
from circuits.engines.outside import Evaluation, Needs
from circuits.engines.pennylane.gradients import DIFF_METHODS
from circuits.engines.pennylane.noisy_qnode import build_noisy_qnode
from circuits.engines.transforms import transformed
from circuits.observables import Observable, Word, letters_of, words_of
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, OwnInputs, OwnWeights
from circuits.threads import when_small
from noise_models import Noise

MAX_DENSITY_BYTES = 2**32
"""Bytes of one sample's density matrix, 14 wires, above which a circuit is refused rather than begun."""
TRACED_DEVICES = ("default.qubit", "sqnn.lightcone")
"""Devices that compute in torch by operations alone that vmap and forward mode know; default.mixed has others."""
PAIR_GATES = MappingProxyType({"CZ": qml.CZ, "CNOT": qml.CNOT, "CRZ": qml.CRZ})
PAULIS = MappingProxyType({"X": qml.PauliX, "Y": qml.PauliY, "Z": qml.PauliZ})
PIECE_BYTES = 4 * 2**20
"""Density matrices of one broadcast execution, in bytes: one of nine wires, 256 of five."""


def build_qnode(
    circuit: DataReupload,
    device: Device,
    diff_method: str = "best",
    gradient_options: Mapping[str, object] | None = None,
    words: Sequence[Word] | None = None,
) -> qml.QNode:
    """Return the QNode (inputs [..., n_inputs], weights [n_blocks, n_qubits, 3]) -> words, <Z> per wire by default."""
    read = words_of("Z", circuit) if words is None else words
    first = circuit.n_inputs - circuit.n_couplings

    @qml.qnode(device, interface="torch", diff_method=diff_method, gradient_kwargs=gradient_options or {})
    def circuit_function(inputs, weights):  # type: ignore[no-untyped-def]
        for gate in circuit.gates():
            if gate.name != "Rot":
                # `...` keeps the batch dimension, which PennyLane broadcasts over.
                angle = () if gate.coupling is None else (inputs[..., first + gate.coupling],)
                PAIR_GATES[gate.name](*angle, wires=gate.wires)
                continue
            wire = gate.wires[0]
            place = 3 * wire + (circuit.n_angles * gate.block if circuit.scales_data else 0)
            data = [inputs[..., place + k] for k in range(3)]
            trained = [weights[gate.block, wire, k] for k in range(3)]
            both = [x + w for x, w in zip(data, trained, strict=True)] if gate.source == "both" else []
            qml.Rot(*(both or (data if gate.source == "inputs" else trained)), wires=wire)
        return [qml.expval(pennylane_word(word)) for word in read]

    return circuit_function


def pennylane_word(word: Word) -> Operator:
    """Return a Pauli word as PennyLane's operator."""
    factors = [PAULIS[letter](wire) for wire, letter in word]
    return qml.prod(*factors) if len(factors) > 1 else factors[0]


class PennyLaneEngine(Engine):
    """Evaluate `engine(inputs, weights) -> <P>` with `qml.qnn.TorchLayer`; the batch is one broadcast execution.

    The contract is `Engine`'s, under noise for words of Z. `device` is a device name, made here with one wire per
    qubit, or a PennyLane device with at least as many wires; by default `default.qubit`, and `default.mixed` under
    noise. `diff_method` is PennyLane's, and `gradient_options` go to it (SPSA repeats itself only with a
    `sampler_rng`). Where the inputs need a gradient, all but backpropagation run one execution per sample, since
    PennyLane differentiates a broadcast execution with respect to the broadcast angles by backpropagation alone.
    Devices that answer in plain Python numbers (lightning.qubit does) are rounded by PennyLane to torch's default
    dtype: call `torch.set_default_dtype(torch.float64)` where double precision matters.

    Under `noise` the QNode holds the instructions that the noise sits on and their channels, readout error included, on
    a device that can do channels; a chip's spare wires need a wire each. With `shots` every execution measures all
    wires together that many times, and the gradient is a parameter shift. A PennyLane device draws from a seed that is
    set when it is made: one made here takes it from the constructor's `generator` (see `Engine`), and a call takes no
    generator of its own.

    Raises ValueError when the device is unknown, too small, cannot differentiate so or cannot apply channels, when
    shots are below 1, when the noise touches no instruction of the circuit, and when a call with shots passes a
    generator.
    """

    name = "pennylane"
    takes_generator = False

    def __init__(
        self,
        circuit: DataReupload,
        device: Device | str | None = None,
        diff_method: str = "best",
        gradient_options: Mapping[str, object] | None = None,
        *,
        noise: Noise | None = None,
        shots: int | None = None,
        observable: Observable = "Z",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(circuit, noise=noise, shots=shots, observable=observable)
        if noise is not None and letters_of(self.reads) != {"Z"}:
            raise ValueError(
                f"observable: got {self.observable!r} under noise, expected words of Z on the engine pennylane, "
                "since a rotation before the reading would be noisy itself; take the engine lightcone"
            )
        method = DIFF_METHODS.pick(diff_method)
        self._compiled = None if noise is None else compile_circuit(circuit, noise)
        n_wires = circuit.n_qubits if self._compiled is None else self._compiled.n_wires
        if shots is not None and not method.shots:
            raise ValueError(f"diff_method: got {diff_method!r} with shots, expected parameter-shift, spsa or best")
        if device is None:
            device = "default.qubit" if noise is None else "default.mixed"
        if device == "default.mixed" and 16 * 4**n_wires > MAX_DENSITY_BYTES:
            raise ValueError(
                f"circuit: a density matrix of {n_wires} wires takes {16.0 * 4**n_wires:.1e} bytes, expected at most "
                f"{MAX_DENSITY_BYTES:.1e}; use the engine lightcone or fewer qubits"
            )
        self._device_name = device if isinstance(device, str) else None
        self.device: Device = _make_device(device, n_wires, shots, generator) if isinstance(device, str) else device
        if self.device.wires is not None and len(self.device.wires) < n_wires:
            raise ValueError(f"device: got {len(self.device.wires)} wires, expected at least {n_wires}")
        self._check_cones()
        self.diff_method = diff_method
        self.gradient_options = gradient_options
        self._build()

    def _check_cones(self) -> None:
        """Raise where this package's device could not evaluate a word on its cone."""
        if self.device.name != "sqnn.lightcone" or self.noise is not None:
            return
        widest = max(len(held_paulis(self.circuit, word).blocks[0]) for word in self.reads)
        if widest > self.device.max_wires:
            raise ValueError(
                f"circuit: {self.circuit} reads {self.observable} on up to {widest} wires, expected at most max_wires "
                f"= {self.device.max_wires} of the device sqnn.lightcone; take fewer blocks or wires"
            )

    def _build(self) -> None:
        """Make what runs the circuit on the device."""
        circuit, noise, method = self.circuit, self.noise, DIFF_METHODS[self.diff_method]
        # TorchLayer would draw initial weights from torch's global generator; ours come with every call.
        unused = {"weights": torch.zeros(circuit.weight_shape, device="cpu")}
        options = self.diff_method, self.gradient_options
        try:
            if noise is None or self._compiled is None:
                self.qnode = build_qnode(circuit, self.device, *options, self.reads)
            else:
                self.qnode, channels = build_noisy_qnode(self._compiled, noise, self.device, *options, self.reads)
                _check_channels(
                    self.qnode, channels, torch.zeros(circuit.n_inputs, device="cpu"), unused["weights"], noise
                )
        except qml.exceptions.QuantumFunctionError as error:
            raise ValueError(f"diff_method: {self.diff_method!r} does not fit the device {self.device.name}") from error
        if self.shots is not None:
            self.qnode = qml.set_shots(self.qnode, self.shots)
        shape = {"weights": circuit.weight_shape}
        self.torch_layer = qml.qnn.TorchLayer(self.qnode, shape, unused)
        self.expanded_layer = self.torch_layer
        if self.shots is not None or not method.broadcasts:
            self.expanded_layer = qml.qnn.TorchLayer(qml.transforms.broadcast_expand(self.qnode), shape, unused)

    def __getstate__(self) -> dict[str, object]:
        """Return the state without QNodes, which are functions, and a device made here as its name and its draws."""
        state = {
            key: value for key, value in vars(self).items() if key not in ("qnode", "torch_layer", "expanded_layer")
        }
        if self._device_name is not None:
            state["device"] = vars(self.device)["_rng"].bit_generator.state if self.shots is not None else None
        elif self.device.name.startswith("lightning."):
            raise ValueError(
                f"device: got {self.device.name} as an object, which cannot be pickled or copied; give its name, "
                f"device={self.device.name!r}"
            )
        return state

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        if self._device_name is not None:
            n_wires = self.circuit.n_qubits if self._compiled is None else self._compiled.n_wires
            self.device = _make_device(self._device_name, n_wires, self.shots, torch.Generator())
            if self.shots is not None:
                vars(self.device)["_rng"].bit_generator.state = state["device"]
        self._build()

    def details(self) -> tuple[str, ...]:
        return self.device.name, f"gradient {self.diff_method}"

    def __call__(
        self, inputs: OwnInputs, weights: OwnWeights, generator: torch.Generator | None = None
    ) -> Expectations:
        self.check_angles(inputs, weights)
        if generator is not None and self.shots is not None:
            raise ValueError(
                "generator: got one for shots on a PennyLane device, which draws from the seed it was made with; pass "
                "generator to the engine's constructor, or take the engine lightcone or aer"
            )
        if not inputs.shape[0]:
            # Nothing to execute, but the result has a place in the graph.
            return inputs[:, :1].expand(0, len(self.reads)) * weights.sum()
        if transformed(inputs, weights) and not self._is_traced():
            out: Tensor = Evaluation.apply(inputs, weights, self, None)
            return out
        return self._executed(inputs, weights)

    def _is_traced(self) -> bool:
        """Return whether the device computes in torch, in operations that torch.func knows."""
        simple = self.noise is None and self.shots is None and DIFF_METHODS[self.diff_method].broadcasts
        return simple and self.diff_method != "adjoint" and self.device.name in TRACED_DEVICES

    def _executed(self, inputs: Tensor, weights: Tensor) -> Tensor:
        layer = self.expanded_layer if inputs.requires_grad else self.torch_layer
        # The TorchLayer reads its weights from this mapping; handing ours in keeps one copy for every engine.
        layer.qnode_weights["weights"] = weights
        wires = len(self.device.wires or range(self.circuit.n_qubits))
        if self.noise is None:
            return when_small(2 * len(inputs) * 2**wires, layer, inputs)
        # Large broadcast density matrices are slower per sample than small ones, and would soon fill the memory.
        size = max(1, PIECE_BYTES // (16 * 4**wires))
        parts = [when_small(2 * len(part) * 4**wires, layer, part) for part in inputs.split(size)]
        return torch.cat(parts).to(inputs.dtype)

    def values(self, inputs: Tensor, weights: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the expectations [batch, reads], executed apart from whatever torch does, with the device's seed."""
        with torch.no_grad():
            return self._executed(inputs.detach(), weights.detach())

    def jacobian(self, inputs: Tensor, weights: Tensor, needs: Needs, generator: torch.Generator | None) -> Tensor:
        """Return the derivatives of the expectations by inputs and weights, sample by sample and read by read."""
        trained = weights.detach().requires_grad_()
        samples = []
        with torch.enable_grad():
            for row in inputs.detach().split(1):
                data = row.requires_grad_()
                reads = self._executed(data, trained)[0]
                both = [torch.autograd.grad(read, (data, trained), retain_graph=True) for read in reads]
                samples.append(torch.stack([torch.cat([part.flatten() for part in parts]) for parts in both]))
        return torch.stack(samples)


def _make_device(name: str, n_wires: int, shots: int | None, generator: torch.Generator | None) -> Device:
    """Return the PennyLane device of a name; only shots need a seed."""
    options = {}
    if shots is not None:
        generator = own_generator(generator)
        options["seed"] = int(torch.randint(2**31, (), generator=generator, device=generator.device))
    try:
        return qml.device(name, wires=n_wires, **options)
    except qml.exceptions.DeviceError as error:
        raise ValueError(
            f"device: PennyLane has no device {name!r} ({error}); try default.qubit or lightning.qubit"
        ) from error
    except TypeError as error:
        raise ValueError(
            f"device: got {name}, expected one that takes a seed, or a device made with qml.device"
        ) from error


def _check_channels(qnode: qml.QNode, expected: int, inputs: Tensor, weights: Tensor, noise: Noise) -> None:
    """Raise unless the QNode holds all the noise, and its device can apply it."""
    tape = qml.workflow.construct_tape(qnode, level="user")(inputs, weights)
    inserted = sum(operation.name == "QubitChannel" for operation in tape.operations)
    if inserted != expected:
        raise RuntimeError(f"PennyLane inserted {inserted} channels for {noise}, expected {expected}")
    try:
        qml.workflow.construct_batch(qnode, level="device")(inputs, weights)
    except qml.exceptions.DeviceError as error:
        raise ValueError(
            f"device: {qnode.device.name} cannot apply the channels of {noise}, expected default.mixed or another "
            "device of density matrices"
        ) from error
