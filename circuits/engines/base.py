"""The contract of an engine, and the engines there are."""

from __future__ import annotations

import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from circuits.observables import Observable, observable_text, words_of
from circuits.shapes import Expectations, OwnInputs, OwnWeights
from noise_models import Choices, whole

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from circuits.engines.heisenberg import TrainedNoise
    from circuits.reupload import DataReupload
    from noise_models import Noise


def own_generator(generator: torch.Generator | None = None) -> torch.Generator:
    """Return `generator`, or a new one with the seed of torch's global generator, from which nothing is drawn."""
    if generator is not None:
        return generator
    import torch

    return torch.Generator().manual_seed(torch.initial_seed())


class Engine(ABC):
    """Evaluate one circuit: `engine(inputs, weights)` returns the expectations that are read.

        out[s, i] = tr(P_i rho(x_s, w)),    rho = U |0...0><0...0| U^dagger,    U = the product of `circuit.gates()`

    `inputs` x [batch, n_inputs] and `weights` w [n_blocks, n_qubits, 3] are angles in radians, both float32 or both
    float64; n_inputs is 3 n_qubits where the circuit neither scales its data nor has CRZ gates (see `DataReupload`).
    The result has their dtype and a gradient with respect to both by torch.autograd. Its columns are `reads`: the Pauli
    words P_i that `observable` stands for, one per wire for Z, X and Y, one per pair of `circuit.edges` for ZZ. An
    empty batch gives an empty result; other shapes are a ValueError (`check_angles`).

    Under `noise` rho is the state that the noise model's channels leave, readout error included. Without `shots` the
    values are exact, and a call draws nothing. With `shots` each value is a mean of that many outcomes +1 and -1, drawn
    with the `generator` of the call, or with the engine's own where the call passes none; the same state of a generator
    gives the same numbers, and no call keeps a generator that was passed to it. An engine that was given no generator
    either has one of its own, with the seed of `torch.manual_seed`: other numbers after another seed.

    An engine can be pickled and copied, and its draws go on in the copy. torch.func's vmap, grad, jacrev and jacfwd go
    through it; where vmap shall draw shots, it takes `randomness="different"`.

    A subclass sets `name` and writes `__call__`, which begins with `check_angles`; its constructor takes the circuit
    first and raises ValueError on every request it cannot serve. `make_engine` and `ReuploadLayer(engine=...)` take the
    class itself; a line in `ENGINES` gives it a name.
    """

    name: ClassVar[str]
    """What users call the engine."""

    takes_generator: ClassVar[bool] = True
    """Whether shots can be drawn with the generator of a call; where False, passing one with shots is a ValueError."""

    @property
    def takes_kernels(self) -> bool:
        """Whether the compiled kernels (`circuits.kernels`) evaluate its circuit, in float32 on the CPU."""
        return False

    def __init__(
        self,
        circuit: DataReupload,
        *,
        noise: Noise | None = None,
        shots: int | None = None,
        observable: Observable = "Z",
    ) -> None:
        self.circuit = circuit
        self._sizes = circuit.n_inputs, circuit.weight_shape
        self.reads = words_of(observable, circuit)
        self.noise = noise
        self.shots = None if shots is None else whole("shots", shots, otherwise=", or None for exact values")
        self.observable = observable_text(observable)

    @property
    def trained(self) -> TrainedNoise | None:
        """The strengths of the noise that are trained; an engine that has some is called with `strengths` [k]."""
        return None

    @abstractmethod
    def __call__(
        self, inputs: OwnInputs, weights: OwnWeights, generator: torch.Generator | None = None
    ) -> Expectations:
        """Return the expectations [batch, n]; `generator` draws the shots of this call."""

    def check_angles(self, inputs: Tensor, weights: Tensor) -> None:
        """Raise ValueError where inputs or weights are no angles, or do not have the circuit's shape."""
        import torch

        columns, shape = self._sizes
        if not (isinstance(inputs, torch.Tensor) and isinstance(weights, torch.Tensor)):
            got = ", ".join(type(each).__name__ for each in (inputs, weights))
            raise ValueError(f"inputs, weights: got {got}, expected torch tensors of angles in radians")
        if not (inputs.is_floating_point() and weights.is_floating_point()):
            raise ValueError(
                f"inputs, weights: got {inputs.dtype}, {weights.dtype}, expected angles in float32 or float64"
            )
        if inputs.ndim != 2 or inputs.shape[1] != columns:
            raise ValueError(f"inputs: got shape {list(inputs.shape)}, expected [batch, {columns}] angles")
        if weights.shape != shape:
            raise ValueError(f"weights: got shape {list(weights.shape)}, expected {list(shape)} angles")

    def value_and_grad(
        self,
        inputs: OwnInputs,
        weights: OwnWeights,
        grad: Expectations | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Expectations, OwnInputs, OwnWeights]:
        """Return the expectations and the gradients of inputs and weights in one call, without torch.autograd's graph.

            g_x = sum over s, i of grad[s, i] d out[s, i] / d x,    g_w alike

        `grad` [batch, n] is the gradient of the expectations: ones by default, which gives that of their sum. Values
        and gradients are those of `engine(inputs, weights, generator)` and torch.autograd, to rounding, and cannot be
        differentiated; where a compiled kernel evaluates the circuit, both come from one pass over the batch.

        Raises ValueError on what `check_angles` refuses, a `grad` of another shape than the values, trained noise, and
        tensors that torch.func transforms.
        """
        import torch

        from circuits.engines.transforms import transformed

        self.check_angles(inputs, weights)
        if self.trained is not None:
            raise ValueError(
                "value_and_grad: got an engine whose noise is trained, expected fixed noise; differentiate "
                "engine(inputs, weights, strengths=...) by torch.autograd"
            )
        if transformed(inputs, weights):
            raise ValueError(
                "value_and_grad: got tensors that torch.func transforms, expected plain ones; torch.func.vjp and vmap "
                "go through engine(inputs, weights)"
            )
        # Under inference_mode too: its tensors are copied into ones that autograd takes.
        with torch.inference_mode(False), torch.enable_grad():
            x, w = ((t.clone() if t.is_inference() else t.detach()).requires_grad_() for t in (inputs, weights))
            values = self(x, w, generator)
            given = torch.ones_like(values) if grad is None else grad
            if not isinstance(given, torch.Tensor):
                raise ValueError(
                    f"grad: got {type(given).__name__}, expected a tensor {list(values.shape)}, as the values"
                )
            if given.shape != values.shape:
                raise ValueError(f"grad: got shape {list(given.shape)}, expected {list(values.shape)}, as the values")
            g_inputs, g_weights = torch.autograd.grad(values, (x, w), given)
        return values.detach(), g_inputs, g_weights

    def details(self) -> tuple[str, ...]:
        """Return what a reader should know besides observable, shots and noise, in words."""
        return ()

    def __repr__(self) -> str:
        shots = "exact" if self.shots is None else f"{self.shots:,} shots"
        noise = () if self.noise is None else (f"under {self.noise}",)
        return f"{type(self).__name__}({', '.join((f'<{self.observable}>', shots, *noise, *self.details()))})"


PENNYLANE_DEVICES = ("default.", "lightning.")
"""What the names of PennyLane's own devices begin with, which are often taken for engines."""


def _hint(name: str) -> str:
    device = name.startswith(PENNYLANE_DEVICES)
    return f"; that is a PennyLane device: engine='pennylane', device={name!r}" if device else ""


ENGINES: Choices[str] = Choices(
    "engine",
    {
        "lightcone": "circuits.engines.lightcone:LightConeEngine",
        "pennylane": "circuits.engines.pennylane:PennyLaneEngine",
        "aer": "circuits.engines.aer:AerEngine",
        "runtime": "circuits.engines.runtime:RuntimeEngine",
    },
    _hint,
)
"""The engines by name, and where the class of each stands; it is imported when such an engine is made."""


AUTO = "auto"
"""In the place of an engine's name: the first of CHOSEN that takes the circuit, its noise and what is read."""
ENGINE_NAMES: Choices[str] = Choices("engine", {**ENGINES, AUTO: "the first of CHOSEN that takes the circuit"}, _hint)
"""What an engine can be called: a name of ENGINES, or auto."""
CHOSEN: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("lightcone", {}),
    ("pennylane", {"device": "sqnn.lightcone"}),
    ("aer", {}),
)
"""Engines and options that `auto` tries, the fastest first; a layer says which one was taken."""


def engine_class(engine: str | type[Engine]) -> type[Engine]:
    """Return the class of an engine by its name, or the class itself; ValueError on anything else."""
    if isinstance(engine, type) and issubclass(engine, Engine):
        return engine
    return pkgutil.resolve_name(ENGINES.pick(engine))


def engine_options(made: type[Engine]) -> list[str]:
    """Return the names of the options that the constructor of an engine takes."""
    return list(inspect.signature(made).parameters)[1:]


def make_engine(engine: str | type[Engine], circuit: DataReupload, **options: Any) -> Engine:
    """Build an engine, by name or class; `options` go to its constructor. ValueError on an unknown name or option.

    The name `auto` stands for the first of CHOSEN that takes circuit and options; where none does, it is the
    ValueError of the first.
    """
    if engine == AUTO:
        return _first_engine(circuit, options)
    made = engine_class(engine)
    allowed = engine_options(made)
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise ValueError(f"engine: {made.name} takes {', '.join(allowed)}, got {', '.join(unknown)}")
    return made(circuit, **options)


def _first_engine(circuit: DataReupload, options: Mapping[str, object]) -> Engine:
    refusals: list[ValueError] = []
    for name, further in CHOSEN:
        try:
            return make_engine(name, circuit, **{**further, **options})
        except ValueError as error:
            refusals.append(error)
    raise refusals[0]
