"""Exact expectations from each observable's causal cone, batched over samples and wires.

With CZ layers that join neighbours, <Z_i> of a circuit of L blocks depends on the wires within L - 1 of i and on no
other: a gate outside that cone meets its own inverse in the Heisenberg picture. The cone is a property of the
circuit, so the result is exact. Four ways to evaluate it, each where it is the fastest:

- `closed form`: one and two blocks, any entangler (`bloch.py`, `two_blocks.py`), O(n);
- `Pauli paths`: three and four blocks of a ring or line (`pauli_paths.py`), O(n);
- `windows`: deeper circuits, a batched state vector of 2 L - 1 wires around each wire, O(n 2^(2L-1)) (`cone.py`);
- `register`: one batched state vector of all wires, where the windows would cost more or everything is joined, O(2^n).

Under noise the observable itself is pulled back, on the wires of its cone under that noise: `noisy cone`, in
`circuits/engines/heisenberg`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from circuits.engines.base import Engine, own_generator
from circuits.engines.lightcone import bloch, pauli_paths, two_blocks
from circuits.engines.lightcone.windows import register_expectations, state_wires, window_expectations
from circuits.engines.transforms import transformed
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, OwnInputs, OwnWeights
from circuits.threads import when_small
from noise_models import Choices, whole

if TYPE_CHECKING:
    from circuits.engines.heisenberg import HeisenbergPicture, TrainedNoise
    from noise_models import Noise

Method = Literal["closed form", "Pauli paths", "windows", "register", "noisy cone"]
OBSERVABLES: Choices[int] = Choices("observable", {"Z": 1, "X": 1, "Y": 1, "ZZ": 2})
"""Pauli words and the number of wires each is read on: every wire, or every pair that the entangler joins."""
MAX_AMPLITUDES = 2**28
"""Amplitudes of one sample, 2 GiB in complex64, above which a circuit is refused rather than begun."""
TILE_BYTES = 4 * 2**20
"""Bytes of one state of a tile on a CPU: beyond, 12 qubits and 6 blocks took up to 1.6 times as long."""
SMALLEST_TILE = 16
"""Samples of the smallest tile: below it, the overhead of an operation outweighs the caches."""
MEMORY_BUDGET = 2 * 2**30
"""Bytes of amplitudes that one piece of a batch may keep for its backward pass."""


def choose_method(circuit: DataReupload, observable: str = "Z") -> Method:
    """Return the fastest exact way to evaluate a circuit."""
    n, blocks = circuit.n_qubits, circuit.n_blocks
    pair = OBSERVABLES[observable] == 2
    width = 2 * blocks - 1 + pair
    if not circuit.edges and not pair:
        return "closed form" if blocks <= 2 else "windows"
    nearest = circuit.entangler in ("ring", "line", "brick")
    if blocks == 1 or (blocks == 2 and not pair):
        return "closed form"
    fits = n >= width or circuit.entangler == "line" or n == 2
    if nearest and not pair and blocks <= 4 and fits:
        return "Pauli paths"
    # Amplitudes touched per wire: a window's 2^width for its shrinking gates, or the register's 2^n for every block.
    window_gates = sum(2 * (blocks - block) + 1 for block in range(2, blocks)) + 1
    cheaper = window_gates * 2**width < (blocks - 1) * 2**n
    return "windows" if nearest and n >= width and cheaper else "register"


class LightConeEngine(Engine):
    """Evaluate `engine(inputs, weights) -> <P>` exactly, with torch autograd, once or twice.

    The contract is `Engine`'s, on the CPU or a GPU. Under `noise` the values are those of the density matrix, readout
    error included, and gradients pass through. The noise itself is fixed, or with `trained_noise` the strengths of its
    kinds of one qubit are an argument `strengths` [k] of every call, in their order, with a gradient of their own.

    With `shots`, each expectation is replaced by the mean of that many draws of +1 and -1 from its exact probability;
    the gradient stays that of the exact value. Outcomes of different wires are drawn independently: correlations
    between wires within a shot are not reproduced. `generator` supplies the draws (see `Engine`).

    State vectors keep one state per gate for the backward pass. A batch that would need more than `memory_budget` bytes
    is cut into pieces whose states are computed again when the backward pass reaches them.

    Raises ValueError on an unknown observable, a pair observable without pairs, shots below 1, noise that touches no
    instruction of the circuit, or a cone too large.
    """

    name = "lightcone"

    def __init__(
        self,
        circuit: DataReupload,
        observable: str = "Z",
        *,
        noise: Noise | None = None,
        shots: int | None = None,
        generator: torch.Generator | None = None,
        memory_budget: int = MEMORY_BUDGET,
        trained_noise: bool = False,
    ) -> None:
        if OBSERVABLES.pick(observable) == 2 and not circuit.edges:
            raise ValueError(f"observable: ZZ needs joined wires, but {circuit} has none")
        super().__init__(circuit, noise=noise, shots=shots, observable=observable)
        self.memory_budget = whole("memory_budget", memory_budget)
        self.generator = generator if shots is None else own_generator(generator)
        self.method: Method = choose_method(circuit, observable)
        self._picture: HeisenbergPicture | None = None
        if trained_noise and noise is None:
            raise ValueError("trained_noise: got True without noise, expected noise whose strengths are trained")
        if noise is not None:
            from circuits.compile import compile_circuit
            from circuits.engines.heisenberg import HeisenbergPicture, TrainedNoise

            self.method = "noisy cone"
            compiled = compile_circuit(circuit, noise)
            if compiled.n_turns and observable in ("X", "Y"):
                raise ValueError(
                    f"observable: got {observable}, expected Z or ZZ under {noise}, whose errors on measure turn the "
                    "axis that is read"
                )
            self._picture = HeisenbergPicture(
                compiled, noise, observable, TrainedNoise(noise) if trained_noise else None
            )
        if self.method in ("windows", "register"):
            amplitudes, _ = state_wires(circuit, self.method, observable)
            if amplitudes > MAX_AMPLITUDES:
                raise ValueError(
                    f"circuit: {circuit} needs {amplitudes:.1e} amplitudes per sample, expected at most "
                    f"{MAX_AMPLITUDES:.1e}; take fewer blocks (the cone has 2 n_blocks - 1 wires) or fewer qubits"
                )

    @property
    def trained(self) -> TrainedNoise | None:
        return None if self._picture is None else self._picture.trained

    def __call__(
        self,
        inputs: OwnInputs,
        weights: OwnWeights,
        generator: torch.Generator | None = None,
        strengths: Tensor | None = None,
    ) -> Expectations:
        tensors = (inputs, weights) if strengths is None else (inputs, weights, strengths)
        exact = when_small(len(inputs) * self._numbers(), self._exact, *tensors)
        return exact if self.shots is None else _sample(exact, self.shots, generator or self.generator)

    def _exact(self, inputs: OwnInputs, weights: OwnWeights, strengths: Tensor | None = None) -> Expectations:
        if self.method == "closed form":
            if self.observable == "ZZ":
                z = bloch.expectations(self.circuit, inputs, weights)
                first, second = zip(*self.circuit.edges, strict=True)
                return z[:, list(first)] * z[:, list(second)]
            if self.observable == "Z" and self.circuit.n_blocks == 2:
                return two_blocks.expectations(self.circuit, inputs, weights)
            return bloch.expectations(self.circuit, inputs, weights, self.observable)
        if self.method == "Pauli paths":
            return pauli_paths.expectations(self.circuit, inputs, weights, self.observable)
        evaluate = self._tiled if self._picture is None else functools.partial(self._picture, strengths=strengths)
        size = self._piece(inputs)
        # Under torch.func, which has no checkpoints, everything is kept.
        if size >= inputs.shape[0] or transformed(inputs, weights):
            return evaluate(inputs, weights)
        parts = [checkpoint(evaluate, part, weights, use_reentrant=False) for part in inputs.split(size)]
        return torch.cat(parts)

    def _numbers(self) -> int:
        """Return about how many numbers the evaluation of one sample has at a time."""
        if self._picture is not None:
            return self._picture.n_kept
        if self.method in ("windows", "register"):
            return 2 * state_wires(self.circuit, self.method, self.observable)[0]
        return self.circuit.n_qubits * 4**self.circuit.n_blocks

    def _tiled(self, inputs: OwnInputs, weights: OwnWeights) -> Expectations:
        """Evaluate state vectors, on a CPU in tiles of samples that stay in its caches."""
        evaluate = window_expectations if self.method == "windows" else register_expectations
        amplitudes, _ = state_wires(self.circuit, self.method, self.observable)
        tile = max(SMALLEST_TILE, TILE_BYTES // (amplitudes * 2 * inputs.element_size()))
        if inputs.device.type != "cpu" or inputs.shape[0] <= tile:
            return evaluate(self.circuit, inputs, weights, self.observable)
        return torch.cat([evaluate(self.circuit, part, weights, self.observable) for part in inputs.split(tile)])

    def _piece(self, inputs: Tensor) -> int:
        """Return how many samples fit the memory budget."""
        if self._picture is not None:
            return max(1, self.memory_budget // (self._picture.n_kept * inputs.element_size()))
        amplitudes, states = state_wires(self.circuit, self.method, self.observable)
        return max(1, self.memory_budget // (amplitudes * states * 2 * inputs.element_size()))


def _sample(exact: Tensor, shots: int, generator: torch.Generator | None) -> Tensor:
    """Return means of `shots` outcomes with the gradient of the exact values."""
    probability = ((1 + exact.detach()) / 2).clamp(0, 1).double().cpu()
    ones = torch.binomial(torch.full_like(probability, shots), probability, generator=generator)
    drawn = (2 * ones / shots - 1).to(exact)
    return exact + (drawn - exact).detach()
