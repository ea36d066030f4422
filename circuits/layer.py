"""The re-upload circuit as a torch module: it owns the weights, an engine evaluates them."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from circuits.engines import Engine, engine_class, make_engine
from circuits.initial import initial_weights
from circuits.noise import resolve_noise
from circuits.reupload import DataReupload

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

    from noise_models import Noise


class ReuploadLayer(nn.Module):
    """Map data angles [..., 3 n_qubits] in radians to expectations <Z> [..., n_qubits] in [-1, 1].

    `engine`, a name of `ENGINES` or an `Engine` class, evaluates the circuit and takes `engine_options`;
    the weights, one Parameter of shape [n_blocks, n_qubits, 3], stay the same on every engine. `noise` is a
    `noise_models.Noise`, an Aer NoiseModel or a specification such as "depolarizing:0.01" or "torino", which takes the
    chip's best qubits in the circuit's shape. `initial` names the distribution the weights start from and `generator`
    the random numbers they are drawn with (by default a fresh generator of seed 0).

    Raises ValueError on inputs whose last dimension is not 3 n_qubits, that are not floating point or not finite.
    """

    def __init__(
        self,
        n_qubits: int,
        n_blocks: int,
        entangler: str = "ring",
        *,
        engine: str | type[Engine] = "lightcone",
        noise: Noise | NoiseModel | str | None = None,
        initial: str = "uniform",
        generator: torch.Generator | None = None,
        **engine_options: object,
    ) -> None:
        super().__init__()
        self.circuit = DataReupload(n_qubits, n_blocks, entangler)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        drawn = initial_weights(initial, self.circuit.weight_shape, generator)
        self.weights = nn.Parameter(drawn.to(torch.get_default_dtype()))
        self._evaluate_with(engine, resolve_noise(noise, self.circuit), engine_options)

    @property
    def engine(self) -> Engine:
        """The engine that evaluates this layer."""
        return self._engine

    @property
    def noise(self) -> Noise | None:
        """The noise under which this layer is evaluated, or None."""
        return self._noise

    def with_engine(self, name: str | type[Engine], **options: object) -> ReuploadLayer:
        """Return a layer that shares these weights and this noise and has them evaluated by another engine."""
        other = self._sharing_weights()
        options = {**self._kept_observable(), **options}
        noise = resolve_noise(options.pop("noise"), self.circuit) if "noise" in options else self._noise
        other._evaluate_with(name, noise, options)
        return other

    def with_noise(
        self,
        noise: Noise | NoiseModel | str | None,
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
        made = type(self._engine) if engine is None else engine_class(engine)
        # A device without channels would refuse the noise, and one with them is no use without it.
        previous = {key: value for key, value in self._options.items() if key not in ("device", "diff_method", "shots")}
        options = {**self._kept_observable(), **(previous if made is type(self._engine) else {}), **options}
        if shots is not None:
            options["shots"] = shots
        other._evaluate_with(made, resolve_noise(noise, self.circuit), options)
        return other

    def _evaluate_with(self, engine: str | type[Engine], noise: Noise | None, options: Mapping[str, object]) -> None:
        self._noise = noise
        self._options = dict(options)
        under = {} if noise is None else {"noise": noise}
        self._engine = make_engine(engine, self.circuit, **under, **options)

    def _kept_observable(self) -> dict[str, object]:
        """Return the observable as an option, so that an engine that reads only Z refuses instead of reading it."""
        observable = self._options.get("observable", "Z")
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
        if inputs.ndim == 0 or inputs.shape[-1] != self.circuit.n_inputs:
            raise ValueError(
                f"inputs: got shape {list(inputs.shape)}, expected [..., 3 n_qubits = {self.circuit.n_inputs}]"
            )
        if inputs.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"inputs: got {inputs.dtype}, expected angles in float32 or float64")
        if not torch.compiler.is_compiling() and not torch.isfinite(inputs).all():
            raise ValueError("inputs: hold NaN or infinity, expected finite angles in radians")
        flat = inputs.reshape(math.prod(inputs.shape[:-1]), self.circuit.n_inputs)
        out = self._engine(flat, self.weights.to(flat.dtype), generator if self._engine.takes_generator else None)
        return out.reshape(*inputs.shape[:-1], out.shape[-1])

    @property
    def n_effective_weights(self) -> int:
        """Weights that can change what is read.

        The closing RZ of a wire changes X and Y, and Z where coherent noise turns the wire once more before it is read.
        """
        if self._engine.observable not in ("Z", "ZZ"):
            return self.circuit.n_weights
        if self._noise is None:
            return self.circuit.n_effective_weights
        from circuits.compile import compile_circuit
        from circuits.engines import n_dead_turns

        return self.circuit.n_weights - n_dead_turns(compile_circuit(self.circuit, self._noise), self._noise)

    def draw(self) -> str:
        """Return the circuit as text."""
        return self.circuit.draw()

    def extra_repr(self) -> str:
        c = self.circuit
        # Under noise the effective weights are known after compiling the circuit, which is too much for a print.
        effective = "" if self._noise is not None else f" ({self.n_effective_weights} effective)"
        return (
            f"n_qubits={c.n_qubits}, n_blocks={c.n_blocks}, entangler={c.entangler!r}, engine={self._engine!r}, "
            f"weights={c.n_weights}{effective}"
        )
