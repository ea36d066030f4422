"""The re-upload circuit as a torch module: it owns the weights, an engine evaluates them."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from circuits.cone import data_angles, effective_numbers
from circuits.engines import AUTO, Engine, all_values, engine_class, engine_options, make_engine, own_generator
from circuits.engines.lightcone import register_state, separated
from circuits.entanglers import Pairs
from circuits.initial import initial_angles, initial_weights
from circuits.noise import resolve_noise
from circuits.observables import letters_of
from circuits.reupload import DataReupload

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit_aer.noise import NoiseModel

    from noise_models import Noise

FULL = (torch.float32, torch.float64)
"""What a circuit is evaluated in."""
FIRST = ("device", "diff_method", "shots", "trained_noise")
"""Options of an engine that are not kept under another noise."""
HALF = (torch.float16, torch.bfloat16)
"""What it takes besides, and gives back, within `torch.autocast`."""


class ReuploadLayer(nn.Module):
    """Map data angles [..., 3 n_qubits] in radians to expectations in [-1, 1]: <Z> [..., n_qubits] by default.

    `entangler`, `entangling_gate` and `data_scaling` are those of `DataReupload`. The Parameters are `weights`
    [n_blocks, n_qubits, 3]; where each block scales its data, `scales` [n_blocks, n_qubits, 3], which start at 1; where
    the gates are CRZ, `couplings` [n_blocks - 1, pairs]. All stay the same on every engine.

    `engine`, a name of `ENGINES`, `auto`, or an `Engine` class, evaluates the circuit and takes `engine_options`.
    `observable` is what is read: a family (Z, X, Y, ZZ), a word such as "X0 Z2", or several, one column per word. Z is
    read on every wire and ZZ on every pair that the entangler joins. `noise` is a
    `noise_models.Noise`, an Aer NoiseModel, a Qiskit backend or a specification such as "depolarizing:0.01" or
    "torino", which takes the chip's best qubits in the circuit's shape. `initial` names the distribution the weights
    and couplings start from.

    The weights, and the shots of every engine of this layer that is given no generator of its own, come from
    `generator`, which is drawn from for the weights alone. Without one they follow the number that was last passed to
    `torch.manual_seed`: layers built after the same one begin with the same weights and draw the same shots, so pass
    one generator to several layers that are to differ.

    With `trained_noise=True` the strengths of the noise, those of its kinds of one qubit on the engine lightcone, are a
    Parameter `strengths` [k] that is trained like the weights; `noise` is the noise at its present values, which other
    engines and `with_noise` take as fixed. A strength beyond what is physical counts as its mirror image there.

    Under `torch.autocast` the circuit keeps the precision of its weights, takes float16 and bfloat16 as well, and
    returns what it was given. Meta tensors give a result of the right shape.

    Raises ValueError on inputs whose last dimension is not 3 n_qubits, that are not floating point or not finite.
    """

    strengths: nn.Parameter | None

    def __init__(
        self,
        n_qubits: int,
        n_blocks: int,
        entangler: Pairs = "ring",
        *,
        entangling_gate: str = "cz",
        data_scaling: str = "none",
        engine: str | type[Engine] = "lightcone",
        noise: Noise | NoiseModel | BackendV2 | str | None = None,
        initial: str = "uniform",
        generator: torch.Generator | None = None,
        **engine_options: object,
    ) -> None:
        super().__init__()
        self.circuit = circuit = DataReupload(n_qubits, n_blocks, entangler, entangling_gate, data_scaling)
        drawing, precision = own_generator(generator), torch.get_default_dtype()
        self.weights = nn.Parameter(initial_weights(initial, circuit.weight_shape, drawing).to(precision))
        if circuit.scales_data:
            self.scales = nn.Parameter(torch.ones(circuit.weight_shape, dtype=precision))
        if circuit.n_couplings:
            shape = (n_blocks - 1, len(circuit.edges))
            self.couplings = nn.Parameter(initial_angles(initial, shape, drawing).to(precision))
        # A copy draws the seed, so that shots do not change what else the generator is to draw.
        self._shot_seed = None if generator is None else _seed(generator.clone_state())
        self._evaluate_with(engine, resolve_noise(noise, self.circuit), engine_options)

    @property
    def engine(self) -> Engine:
        """The engine that evaluates this layer."""
        return self._engine

    @property
    def noise(self) -> Noise | None:
        """The noise under which this layer is evaluated, or None; trained strengths are those of now."""
        trained = self._engine.trained
        return self._noise if trained is None or self.strengths is None else trained.noise_at(self.strengths)

    @property
    def takes_kernels(self) -> bool:
        """Whether compiled kernels evaluate the circuit, in float32 on the CPU and where a compiler is at hand."""
        return self._engine.takes_kernels

    def with_engine(self, name: str | type[Engine], **options: object) -> ReuploadLayer:
        """Return a layer that shares these weights and this noise and has them evaluated by another engine."""
        other = self._sharing_weights()
        options = {**self._kept_observable(), **options}
        noise = resolve_noise(options.pop("noise"), self.circuit) if "noise" in options else self.noise
        other._evaluate_with(name, noise, options)
        return other

    def with_noise(
        self,
        noise: Noise | NoiseModel | BackendV2 | str | None,
        engine: str | type[Engine] | None = None,
        shots: int | None = None,
        **options: object,
    ) -> ReuploadLayer:
        """Return a layer that shares these weights and evaluates them under noise; None takes the noise away.

        `engine` is this layer's own by default, with its options but for device, diff_method and shots; `shots` None
        asks for exact expectations. Raises ValueError where the noise touches no instruction of the circuit or is not
        physical.
        """
        other = self._sharing_weights()
        made = type(self._engine) if engine is None else AUTO if engine == AUTO else engine_class(engine)
        # A device without channels would refuse the noise, and one with them is no use without it.
        previous = {key: value for key, value in self._options.items() if key not in FIRST}
        options = {**self._kept_observable(), **(previous if made is type(self._engine) else {}), **options}
        if shots is not None:
            options["shots"] = shots
        other._evaluate_with(made, resolve_noise(noise, self.circuit), options)
        return other

    def _evaluate_with(self, engine: str | type[Engine], noise: Noise | None, options: Mapping[str, object]) -> None:
        self._noise = noise
        self._options = dict(options)
        made = AUTO if engine == AUTO else engine_class(engine)
        extra: dict[str, object] = {} if noise is None else {"noise": noise}
        draws = "shots" in options and options.get("generator") is None
        draws = draws and (isinstance(made, str) or "generator" in engine_options(made))
        if draws and self._shot_seed is not None:
            extra["generator"] = torch.Generator().manual_seed(self._shot_seed)
        self._engine = make_engine(made, self.circuit, **{**options, **extra})
        trained = self._engine.trained
        self.strengths = None if trained is None else nn.Parameter(self.weights.detach().new_tensor(trained.start))

    def _kept_observable(self) -> dict[str, object]:
        """Return the observable as an option, so that an engine that reads only Z refuses instead of reading it."""
        observable = self._engine.observable
        return {} if observable == "Z" else {"observable": observable}

    def _sharing_weights(self) -> ReuploadLayer:
        other = copy.copy(self)
        # A shallow copy of a module shares its parameter table; the new layer gets one of its own, same Parameter.
        other._parameters = dict(self._parameters)
        return other

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the expectations; `generator` draws the shots, where there are any, in place of the engine's own.

        The engine pennylane with shots keeps drawing from the seed of its device, which no call can set anew: that seed
        comes from the `generator` among the engine's options.
        """
        if not isinstance(inputs, Tensor):
            raise ValueError(f"inputs: got {type(inputs).__name__}, expected a torch tensor of angles in radians")
        if inputs.ndim == 0 or inputs.shape[-1] != self.n_inputs:
            raise ValueError(f"inputs: got shape {list(inputs.shape)}, expected [..., 3 n_qubits = {self.n_inputs}]")
        device = inputs.device.type
        mixed = device != "meta" and torch.is_autocast_enabled(device)
        if inputs.dtype not in FULL and not (mixed and inputs.dtype in HALF):
            raise ValueError(
                f"inputs: got {inputs.dtype}, expected angles in float32 or float64 (half precision in torch.autocast)"
            )
        if "meta" in (device, self.weights.device.type):
            return self._shape_alone(inputs)
        if not torch.compiler.is_compiling() and not torch.isfinite(all_values(inputs)).all():
            raise ValueError("inputs: hold NaN or infinity, expected finite angles in radians")
        flat = inputs.reshape(math.prod(inputs.shape[:-1]), self.n_inputs)
        if inputs.dtype in HALF:
            flat = flat.to(torch.promote_types(self.weights.dtype, torch.float32))
        call = generator if self._engine.takes_generator else None
        with torch.autocast(device, enabled=False) if mixed else contextlib.nullcontext():
            trained = {} if self.strengths is None else {"strengths": self.strengths.to(flat.dtype)}
            out = self._engine(self.engine_inputs(flat), self.weights.to(flat.dtype), call, **trained)
        return out.to(inputs.dtype).reshape(*inputs.shape[:-1], out.shape[-1])

    @property
    def n_inputs(self) -> int:
        """Data angles of a sample: 3 n_qubits."""
        return self.circuit.n_angles

    @property
    def n_outputs(self) -> int:
        """Expectations of a sample."""
        return len(self._engine.reads)

    @property
    def shots(self) -> int | None:
        """Shots of the engine; None where expectations are exact."""
        return self._engine.shots

    @property
    def n_gates(self) -> int:
        """Gates of one run of the circuit, each rotation Rot as one."""
        return sum(1 for _ in self.circuit.gates())

    def engine_inputs(self, angles: Tensor) -> Tensor:
        """Return what the engine reads [batch, n_inputs of the circuit] for data angles [batch, 3 n_qubits]."""
        if self.circuit.scales_data:
            factors = self.scales.to(angles.dtype).reshape(-1, self.n_inputs)
            angles = (angles.unsqueeze(1) * factors).flatten(1)
        if self.circuit.n_couplings:
            couplings = self.couplings.to(angles.dtype).reshape(1, -1)
            angles = torch.cat([angles, couplings.expand(len(angles), -1)], dim=1)
        return angles

    def states(self, inputs: Tensor) -> Tensor:
        """Return the amplitudes [batch, 2^n] of the noiseless circuit for data angles [batch, 3 n_qubits].

        Wire 0 is the most significant bit; differentiable.
        """
        return register_state(self.circuit, *separated(self.circuit, self.engine_inputs(inputs), self.weights)).t()

    def _shape_alone(self, inputs: Tensor) -> Tensor:
        """Return what meta tensors become: a result without values, with its place in the graph."""
        if inputs.device != self.weights.device:
            raise ValueError(
                f"inputs: got device {inputs.device} and weights on {self.weights.device}, expected both on meta or "
                "neither; layer.to_empty(device='cpu') leaves it"
            )
        return (inputs[..., :1] * self.weights.sum().to(inputs)).expand(*inputs.shape[:-1], self.n_outputs)

    @property
    def n_effective_weights(self) -> int:
        """Trainable numbers, factors of the data and couplings among them, that can change what is read.

        Without noise these are the ones in the cone of a word that is read; the closing RZ of a wire changes words with
        X or Y there. Under noise everything is counted but a closing RZ, where no coherent noise turns the wire once
        more before it is read, and the first RZ, which does nothing to |0>.
        """
        if self._noise is None and self._engine.observable == "Z":
            return self.circuit.n_effective_weights
        if self._noise is None:
            return effective_numbers(self.circuit, self._engine.reads)
        from circuits.compile import compile_circuit
        from circuits.engines import n_dead_turns

        circuit, words = self.circuit, self._engine.reads
        if letters_of(words) != {"Z"}:
            return circuit.n_parameters
        closing = n_dead_turns(compile_circuit(circuit, self._noise), self._noise)
        opening = {"none": 0, "block": 1, "added": 2}[circuit.data_scaling] * circuit.n_qubits
        return circuit.n_parameters - closing * (2 if circuit.data_scaling == "added" else 1) - opening

    def data_cones(self) -> list[tuple[int, ...]]:
        """Return for each expectation the data angles, by their place among the inputs, that can change it.

        Without noise these are the ones in its cone. Under noise they are all that turn a wire of the cone under that
        noise, which may be wider; ValueError where it spreads too far to be followed.
        """
        circuit, words, noise = self.circuit, self._engine.reads, self.noise
        if noise is None:
            return [data_angles(circuit, word) for word in words]
        from circuits.compile import compile_circuit
        from circuits.engines.heisenberg import HeisenbergPicture

        compiled = compile_circuit(circuit, noise)
        turns: dict[int, set[int]] = {wire: set() for wire in range(compiled.n_wires)}
        for step in compiled.instructions:
            slots = {slot for angle in step.angles for slot, _ in angle.terms if slot < circuit.n_weights}
            for wire in step.wires:
                turns[wire] |= {slot % circuit.n_angles for slot in slots}
        picture = HeisenbergPicture(compiled, noise, self._engine.observable, words)
        return [tuple(sorted(set[int]().union(*(turns[wire] for wire in wires)))) for wires in picture.wires]

    def draw(self) -> str:
        """Return the circuit as text."""
        return self.circuit.draw()

    def extra_repr(self) -> str:
        c = self.circuit
        # Under noise the effective weights are known after compiling the circuit, which is too much for a print.
        effective = "" if self._noise is not None else f" ({self.n_effective_weights} effective)"
        further = (f"{name}={vars(c)[name]!r}, " for name in ("entangling_gate", "data_scaling"))
        shown = "".join(text for text in further if "'cz'" not in text and "'none'" not in text)
        return (
            f"n_qubits={c.n_qubits}, n_blocks={c.n_blocks}, entangler={c.entangler!r}, {shown}engine={self._engine!r}, "
            f"weights={c.n_parameters}{effective}"
        )


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
