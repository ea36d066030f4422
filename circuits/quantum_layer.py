"""A circuit of one's own in PennyLane as a torch module: a QNode, a quantum function, or a template."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from circuits.engines import AUTO, own_generator
from circuits.initial import initial_weights
from circuits.measured import check_returned, check_touched, gates_in, shapes_of
from circuits.observables import Observable, observable_text, words_of
from circuits.threads import when_small
from noise_models import Choices, brief, reason, whole

if TYPE_CHECKING:
    import pennylane as qml

LIGHTCONE = "sqnn.lightcone"
OWN_ENGINES: Choices[str] = Choices(
    "engine",
    {
        AUTO: "sqnn.lightcone where it takes the circuit, else PennyLane",
        "lightcone": "this package's PennyLane device, on causal cones",
        "pennylane": "the QNode's own device, default.qubit where there is none",
    },
)
"""Who evaluates a circuit of one's own."""
REAL = ("ExpectationMP", "VarianceMP", "ProbabilityMP")
"""PennyLane's measurements that a layer can return."""
UNSAID = "Z"
"""What is measured of a function that returns nothing, where nobody says."""
SAMPLES = 3
"""Samples on which a circuit is tried, as a batch and one by one."""
SAME = 1e-9
"""Largest difference of the two."""

Results = Callable[..., Any]


@dataclass(frozen=True)
class _Register:
    n_qubits: int
    edges: tuple[tuple[int, int], ...] = ()


class QuantumLayer(nn.Module):
    """Map data [..., n_inputs] to what a circuit of one's own measures, [..., n_outputs].

    `circuit` is a quantum function `f(inputs, **weights)` or a `qml.QNode` of one, in the convention of
    `qml.qnn.TorchLayer`: `weight_shapes` has the shape of every argument beside `inputs`. Or it is a template such as
    `qml.StronglyEntanglingLayers`: then `qml.AngleEmbedding` on `n_qubits` wires comes first, and `n_blocks` are its
    layers. Expectations, variances and probabilities are returned, one after the other; of a function that returns
    nothing, and of that alone, `observable` is measured ("Z" where it is None): families (Z) and words (X0 Z2) on wires
    called 0, 1, ...

    `engine` "lightcone" is the device `sqnn.lightcone`, which evaluates each measurement on its causal cone,
    "pennylane" the QNode's own device or default.qubit; "auto" takes the first where it can. `evaluated_by` says which
    it is, and `reason` why not the first. A batch is one broadcast execution where the function takes one
    (`inputs[..., i]`), and one execution per sample otherwise (`inputs[i]`): it is tried on three samples of length 1,
    and `broadcasts` says what came out. Gradients are those of PennyLane's torch interface.

    The weights are drawn by the rule `initial` from `generator`, as in `ReuploadLayer`.

    Raises ValueError where arguments and shapes do not fit or go unread, or the circuit does not run or returns
    anything else.
    """

    def __init__(
        self,
        circuit: Callable[..., Any] | type | qml.QNode,
        weight_shapes: Mapping[str, int | Sequence[int]] | None = None,
        n_inputs: int | None = None,
        *,
        n_qubits: int | None = None,
        n_blocks: int = 1,
        observable: Observable | None = None,
        engine: str = AUTO,
        initial: str = "uniform",
        generator: torch.Generator | None = None,
    ) -> None:
        import pennylane as qml

        super().__init__()
        self.device_used: Any = None
        self._diff_method, self._shots = "best", None
        if isinstance(circuit, type) and issubclass(circuit, qml.operation.Operator):
            _require_default("template", "has the shapes of its own weights", weight_shapes=(weight_shapes, None))
            circuit, weight_shapes, n_inputs = _template(circuit, n_qubits, n_blocks, n_inputs)
        else:
            given = {"n_qubits": (n_qubits, None), "n_blocks": (n_blocks, 1)}
            _require_default("function", "has the wires and layers that are written in it", **given)
        if isinstance(circuit, qml.QNode):
            self.device_used, self._diff_method, self._shots = circuit.device, str(circuit.diff_method), circuit.shots
            circuit = circuit.func
        if not callable(circuit) or isinstance(circuit, nn.Module):
            raise ValueError(
                f"circuit: got {brief(circuit)}, expected a quantum function f(inputs, weights), a qml.QNode, or a "
                "template such as qml.StronglyEntanglingLayers"
            )
        if n_inputs is None:
            raise ValueError("n_inputs: got None, expected how many numbers of a sample the circuit reads")
        self.function, self.observable = circuit, None if observable is None else observable_text(observable)
        self.n_inputs = whole("n_inputs", n_inputs)
        shapes = shapes_of(circuit, {} if weight_shapes is None else weight_shapes)
        drawing, precision = own_generator(generator), torch.get_default_dtype()
        self.weights = nn.ParameterDict(
            {name: nn.Parameter(_drawn(initial, shape, drawing).to(precision)) for name, shape in shapes.items()}
        )
        self._choose(OWN_ENGINES.pick(engine) and engine)

    def _choose(self, engine: str) -> None:
        """Take an engine, and find out whether the circuit broadcasts."""
        self.engine = engine
        self.reason = ""
        # Inputs of length 1 are states as well as angles.
        generator = torch.Generator().manual_seed(0)
        samples = torch.rand(SAMPLES, self.n_inputs, generator=generator, dtype=torch.float64)
        samples = samples / samples.norm(dim=1, keepdim=True)
        weights = {name: weight.detach().double().cpu() for name, weight in self.weights.items()}
        self._check_measurements(samples[0], weights)
        if engine != "pennylane" and self._shots:
            self.reason = f"draws {self._shots.total_shots} shots"
        elif engine != "pennylane":
            try:
                self._try(LIGHTCONE, samples, weights)
                return
            except Exception as error:  # PennyLane and user code raise anything
                self.reason = reason(error)
        if engine == "lightcone":
            raise ValueError(f"engine: got lightcone, expected pennylane for this circuit: {self.reason}")
        try:
            self._try("pennylane", samples, weights)
        except Exception as error:
            raise ValueError(
                f"circuit: does not run on data of {self.n_inputs} numbers of length 1 ({reason(error)}); "
                f"check n_inputs, weight_shapes and wires"
            ) from error

    def _try(self, device: str, samples: Tensor, weights: Mapping[str, Tensor]) -> None:
        self._build(device)
        rows = [self._results(row, weights, None) for row in samples]
        self.n_outputs, self.broadcasts = rows[0].shape[1], True
        try:
            together = self._results(samples, weights, SAMPLES)
            self.broadcasts = together.shape == (SAMPLES, self.n_outputs) and bool(
                (together - torch.cat(rows)).abs().max() < SAME
            )
        except Exception:  # what a function makes of a batch that it was not written for
            self.broadcasts = False

    def _build(self, device: str) -> None:
        """Make the QNode; without wires a device has those of the circuit."""
        import pennylane as qml

        ours = device == LIGHTCONE
        chosen = None if ours else self.device_used
        chosen = qml.device(LIGHTCONE if ours else "default.qubit") if chosen is None else chosen
        self.evaluated_by = str(chosen.name)
        self._device_name = device
        method = "best" if ours else self._diff_method
        self._qnode = qml.QNode(self._measured, chosen, interface="torch", diff_method=method)
        if self._shots and not ours:
            self._qnode = qml.set_shots(self._qnode, self._shots)

    def _measured(self, inputs: Tensor, weights: Mapping[str, Tensor]) -> Any:
        import pennylane as qml

        from circuits.engines.pennylane import pennylane_word

        result = self.function(inputs, **weights)
        if result is not None:
            return result
        return [qml.expval(pennylane_word(word)) for word in self._words()]

    def _words(self) -> Sequence[Any]:
        """Return what is measured of a function that returns nothing."""
        return words_of(UNSAID if self.observable is None else self.observable, _Register(self.n_qubits))

    def _check_measurements(self, sample: Tensor, weights: Mapping[str, Tensor]) -> None:
        """Raise unless the circuit returns real numbers, or nothing."""
        import pennylane as qml

        returned: list[object] = []
        try:
            tape = qml.tape.make_qscript(lambda: returned.append(self.function(sample, **weights)))()
        except Exception as error:
            raise ValueError(
                f"circuit: fails on one sample of {self.n_inputs} numbers and weights of {self._shape_text()} "
                f"({reason(error)}); check n_inputs and weight_shapes"
            ) from error
        self.wires = list(tape.wires)
        self.n_qubits = len(self.wires)
        kinds = [type(measurement).__name__ for measurement in tape.measurements]
        if wrong := sorted(set(kinds) - set(REAL)):
            raise ValueError(
                f"circuit: returns qml.{wrong[0].removesuffix('MP').lower()}, expected qml.expval, qml.var or "
                f"qml.probs, or nothing for the observable {UNSAID if self.observable is None else self.observable}"
            )
        check_returned(returned[0], len(kinds))
        check_touched(tape)
        if not kinds:
            if sorted(map(str, self.wires)) != sorted(map(str, range(self.n_qubits))):
                raise ValueError(
                    f"circuit: returns nothing, and has the wires {brief(self.wires)}, expected 0, 1, ... where "
                    "observable says what is measured; return the measurements"
                )
            self._words()
        else:
            _require_default("function", "returns its own measurements", observable=(self.observable, None))

    def _shape_text(self) -> str:
        return ", ".join(f"{name} {list(weight.shape)}" for name, weight in self.weights.items()) or "none"

    def _results(self, inputs: Tensor, weights: Mapping[str, Tensor], batch: int | None) -> Tensor:
        """Return all results side by side [batch, outputs] of one sample or of a batch in one execution."""
        results = self._qnode(inputs, weights)
        parts = list(results) if isinstance(results, list | tuple) else [results]
        rows = 1 if batch is None else batch
        columns = []
        for part in parts:
            # What no input reaches has no batch.
            spread = (
                part if batch is None or (part.ndim and part.shape[0] == batch) else part.expand(batch, *part.shape)
            )
            columns.append(spread.reshape(rows, -1))
        return torch.cat(columns, dim=1)

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the results; PennyLane's devices draw shots from seeds of their own, so `generator` goes unused."""
        if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
            got = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
            raise ValueError(f"inputs: got {got}, expected a torch tensor of floating point numbers")
        if inputs.ndim == 0 or inputs.shape[-1] != self.n_inputs:
            raise ValueError(f"inputs: got shape {list(inputs.shape)}, expected [..., n_inputs = {self.n_inputs}]")
        if not torch.isfinite(inputs).all():
            raise ValueError("inputs: hold NaN or infinity, expected finite numbers")
        precision = inputs.dtype if inputs.dtype in (torch.float32, torch.float64) else torch.float32
        flat = inputs.reshape(math.prod(inputs.shape[:-1]), self.n_inputs).to(precision)
        with torch.autocast(inputs.device.type, enabled=False):
            out = when_small(2 * len(flat) * 2 ** min(self.n_qubits, 30), self._evaluated, flat)
        return out.to(inputs.dtype).reshape(*inputs.shape[:-1], self.n_outputs)

    def _evaluated(self, flat: Tensor) -> Tensor:
        weights = {name: weight.to(flat.dtype) for name, weight in self.weights.items()}
        # What no measurement can feel has a gradient of zeros, and an empty batch a place in the graph.
        nothing = torch.cat([flat.flatten(), *(weight.flatten() for weight in weights.values())])[:0].sum()
        if not len(flat):
            return flat.new_zeros(0, self.n_outputs) + nothing
        if self.broadcasts and len(flat) > 1:
            return self._results(flat, weights, len(flat)) + nothing
        return torch.cat([self._results(row, weights, None) for row in flat]) + nothing

    def states(self, inputs: Tensor) -> Tensor:
        """Return the amplitudes [batch, 2^n] before the measurements, the first wire the most significant bit.

        By default.qubit; ValueError on a circuit with channels or measurements on its way.
        """
        import pennylane as qml

        rows = inputs if not self.broadcasts else [inputs]
        weights = {name: weight.to(inputs.dtype) for name, weight in self.weights.items()}
        tapes = [qml.tape.make_qscript(self.function)(row, **weights) for row in rows]
        states = [qml.tape.QuantumScript(tape.operations, [qml.state()]) for tape in tapes]
        order = sorted(self.wires, key=lambda wire: (isinstance(wire, str), wire))
        try:
            results = qml.execute(states, qml.device("default.qubit", wires=order), diff_method="backprop")
        except qml.exceptions.DeviceError as error:
            raise ValueError(f"circuit: has no state vector ({reason(error)}); leave its channels out") from error
        return torch.cat([torch.as_tensor(result).reshape(-1, 2**self.n_qubits) for result in results])

    @property
    def shots(self) -> int | None:
        """Shots of the QNode; None where expectations are exact."""
        return int(self._shots.total_shots) if self._shots else None

    @property
    def n_gates(self) -> int:
        """Gates of one run of the circuit, templates taken apart into gates on one or two wires."""
        return gates_in(self._tape())

    @property
    def noise(self) -> None:
        """No noise but what is written in the circuit."""
        return None

    def draw(self) -> str:
        """Return the circuit as text, on equal data of length 1."""
        import pennylane as qml

        return str(qml.drawer.tape_text(self._tape(), decimals=None))

    def _tape(self) -> Any:
        """Return the instructions of the circuit on equal data of length 1."""
        import pennylane as qml

        weights = {name: weight.detach() for name, weight in self.weights.items()}
        return qml.tape.make_qscript(self.function)(torch.full((self.n_inputs,), self.n_inputs**-0.5), **weights)

    def with_engine(self, name: str, **options: object) -> QuantumLayer:
        """Return a layer that shares these weights and has them evaluated by another engine of OWN_ENGINES.

        ValueError on any option: a QNode brings its device with it.
        """
        if options:
            raise ValueError(f"engine: got {', '.join(options)}, expected no options for a circuit of one's own")
        other = copy.copy(self)
        other._modules, other._parameters = dict(self._modules), dict(self._parameters)
        other._choose(OWN_ENGINES.pick(name) and name)
        return other

    def with_noise(
        self, noise: object, engine: str | None = None, shots: int | None = None, **options: object
    ) -> QuantumLayer:
        """Return the layer, evaluated by `engine`, where `noise` is None.

        ValueError on noise and shots, which are written in the circuit and its QNode, and on any option.
        """
        if shots is not None:
            raise ValueError(
                f"shots: got {shots}, expected None: a circuit of one's own has those of its QNode (qml.set_shots)"
            )
        if noise is None or noise == "none":
            unchanged = engine is None and not options
            return self if unchanged else self.with_engine(self.engine if engine is None else engine, **options)
        raise ValueError(
            f"noise: got {brief(noise)}, expected None: a circuit of one's own has its channels written in it "
            "(qml.DepolarizingChannel, qml.add_noise), or is a ReuploadLayer"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the QNode, which is made again."""
        return {key: value for key, value in self.__dict__.items() if key != "_qnode"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._build(self._device_name)

    def extra_repr(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        why = f" ({self.reason})" if self.reason else ""
        batch = "" if self.broadcasts else ", one execution per sample"
        return (
            f"{name}, n_inputs={self.n_inputs}, n_outputs={self.n_outputs}, n_qubits={self.n_qubits}, "
            f"evaluated by {self.evaluated_by}{why}{batch}"
        )


def _require_default(kind: str, why: str, **given: tuple[object, object]) -> None:
    """Raise ValueError where an argument, as (value, default), is given that this kind of circuit does not read."""
    for name, (value, default) in given.items():
        if value != default:
            raise ValueError(f"{name}: got {brief(value)}, expected none beside a {kind}, which {why}; leave it out")


def _template(
    template: Any, n_qubits: int | None, n_blocks: int, n_inputs: int | None
) -> tuple[Results, dict[str, Sequence[int]], int]:
    """Return a template after an AngleEmbedding as a function, the shapes of its weights, and its inputs."""
    import pennylane as qml

    if n_qubits is None:
        raise ValueError(f"n_qubits: got None, expected the wires of {template.__name__}")
    wires, blocks = range(whole("n_qubits", n_qubits)), whole("n_blocks", n_blocks)
    inputs = len(wires) if n_inputs is None else whole("n_inputs", n_inputs, most=len(wires))
    try:
        shape = template.shape(n_layers=blocks, n_wires=len(wires))
    except (AttributeError, TypeError) as error:
        raise ValueError(
            f"circuit: got {template.__name__}, expected a template with shape(n_layers, n_wires), or a function "
            "f(inputs, weights)"
        ) from error

    def circuit(inputs: Tensor, weights: Tensor) -> None:
        qml.AngleEmbedding(inputs, wires=wires)
        template(weights, wires=wires)

    circuit.__name__ = template.__name__
    return circuit, {"weights": shape}, inputs


def _drawn(initial: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    if initial == "identity-block" and (len(shape) != 3 or shape[2] != 3):
        raise ValueError(
            f"initial: got identity-block for weights {list(shape)}, expected [blocks, qubits, 3] or uniform"
        )
    return initial_weights(initial, shape, generator)  # type: ignore[arg-type]
