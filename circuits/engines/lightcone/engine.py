"""Exact expectations from each observable's causal cone, batched over samples and wires.

With CZ layers that join neighbours, <Z_i> of a circuit of L blocks depends on the wires within L - 1 of i and on no
other: a gate outside that cone meets its own inverse in the Heisenberg picture. The cone is a property of the
circuit, so the result is exact. Four ways to evaluate it, each where it is the fastest:

- `closed form`: one and two blocks, any entangler (`bloch.py`, `two_blocks.py`), O(n);
- `Pauli paths`: three and four blocks of a ring or line (`pauli_paths.py`), O(n);
- `windows`: deeper circuits, a batched state vector of 2 L - 1 wires around each wire, O(n 2^(2L-1)) (`cone.py`);
- `register`: one batched state vector of all wires, where the windows would cost more or other wires than neighbours
  are joined, O(2^n);
- `words`: the same for CNOT and CRZ gates, and for Pauli words other than one operator or ZZ of a joined pair.

In float32 on the CPU compiled kernels evaluate circuits of CZ gates that are read in Z, by the same closed form,
windows or register (`compiled.py`); the operations of PyTorch above are what they are tested against.

Under noise the observable itself is pulled back, on the wires of its cone under that noise: `noisy cone`, in
`circuits/engines/heisenberg`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from circuits.engines.base import Engine, own_generator
from circuits.engines.lightcone import bloch, compiled, pauli_paths, two_blocks
from circuits.engines.lightcone.compiled import Compiled
from circuits.engines.lightcone.frames import separated
from circuits.engines.lightcone.windows import register_expectations, state_wires, window_expectations
from circuits.engines.lightcone.words import word_expectations
from circuits.engines.transforms import transformed
from circuits.observables import OBSERVABLES, Observable, Word, letters_of
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, OwnInputs, OwnWeights
from circuits.threads import when_small
from noise_models import whole

if TYPE_CHECKING:
    from circuits.engines.heisenberg import HeisenbergPicture, TrainedNoise
    from noise_models import Noise

Method = Literal["closed form", "Pauli paths", "windows", "register", "words", "noisy cone"]
MAX_AMPLITUDES = 2**28
"""Amplitudes of one sample, 2 GiB in complex64, above which a circuit is refused rather than begun."""
TILE_BYTES = 4 * 2**20
"""Bytes of one state of a tile on a CPU: beyond, 12 qubits and 6 blocks took up to 1.6 times as long."""
SMALLEST_TILE = 16
"""Samples of the smallest tile: below it, the overhead of an operation outweighs the caches."""
MEMORY_BUDGET = 2 * 2**30
"""Bytes of amplitudes that one piece of a batch may keep for its backward pass."""


def choose_method(circuit: DataReupload, observable: str = "Z") -> Method:
    """Return the fastest exact way to evaluate a family of observables."""
    n, blocks = circuit.n_qubits, circuit.n_blocks
    if circuit.entangling_gate != "cz" and circuit.edges and blocks > 1:
        return "words"
    pair = OBSERVABLES[observable] == 2
    width = 2 * blocks - 1 + pair
    if not circuit.edges and not pair:
        return "closed form" if blocks <= 2 else "windows"
    nearest = circuit.layout in ("ring", "line")
    if blocks == 1 or (blocks == 2 and not pair):
        return "closed form"
    fits = n >= width or circuit.layout == "line"
    if nearest and not pair and blocks <= 4 and fits:
        return "Pauli paths"
    # Amplitudes touched per wire: a window's 2^width for its shrinking gates, or the register's 2^n for every block.
    window_gates = sum(2 * (blocks - block) + 1 for block in range(2, blocks)) + 1
    cheaper = window_gates * 2**width < (blocks - 1) * 2**n
    return "windows" if nearest and n >= width and cheaper else "register"


COMPILED = ("closed form", "Pauli paths", "windows", "register")
"""Methods whose circuits the compiled kernels evaluate as well, on windows or a register of a few wires."""


class Part(NamedTuple):
    """What is evaluated together: a family of observables or all words, and where each of its columns is wanted."""

    method: Method
    observable: str
    columns: tuple[int, ...]
    positions: tuple[int, ...]


def find_parts(circuit: DataReupload, words: Sequence[Word]) -> list[Part]:
    """Return the families that words belong to, or all words as one part where one belongs to none."""
    pairs = {frozenset(edge): number for number, edge in enumerate(circuit.edges)}
    found: dict[str, list[tuple[int, int]]] = {}
    for position, word in enumerate(words):
        wires, letters = frozenset(wire for wire, _ in word), "".join(letter for _, letter in word)
        column = word[0][0] if len(word) == 1 else pairs.get(wires) if letters == "ZZ" else None
        if column is None or choose_method(circuit, letters) == "words":
            every = tuple(range(len(words)))
            return [Part("words", "", every, every)]
        found.setdefault(letters, []).append((column, position))
    return [
        Part(choose_method(circuit, letters), letters, *zip(*places, strict=True)) for letters, places in found.items()
    ]


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

    Several observables at once are evaluated family by family, or all from one state vector where one of them, or the
    entangling gate, asks for it. Raises ValueError on an unknown observable, a pair observable without pairs, shots
    below 1, noise that touches no instruction of the circuit, or a cone too large.
    """

    name = "lightcone"

    def __init__(
        self,
        circuit: DataReupload,
        observable: Observable = "Z",
        *,
        noise: Noise | None = None,
        shots: int | None = None,
        generator: torch.Generator | None = None,
        memory_budget: int = MEMORY_BUDGET,
        trained_noise: bool = False,
    ) -> None:
        super().__init__(circuit, noise=noise, shots=shots, observable=observable)
        self.memory_budget = whole("memory_budget", memory_budget)
        self.generator = generator if shots is None else own_generator(generator)
        self._parts = find_parts(circuit, self.reads)
        self.method: Method = self._parts[0].method
        self._picture: HeisenbergPicture | None = None
        if trained_noise and noise is None:
            raise ValueError("trained_noise: got True without noise, expected noise whose strengths are trained")
        if noise is not None:
            from circuits.compile import compile_circuit
            from circuits.engines.heisenberg import HeisenbergPicture, TrainedNoise

            every = tuple(range(len(self.reads)))
            self.method, self._parts = "noisy cone", [Part("noisy cone", self.observable, every, every)]
            noisy = compile_circuit(circuit, noise)
            if noisy.n_turns and letters_of(self.reads) != {"Z"}:
                raise ValueError(
                    f"observable: got {self.observable}, expected Z or ZZ under {noise}, whose errors on measure turn "
                    "the axis that is read"
                )
            trained = TrainedNoise(noise) if trained_noise else None
            self._picture = HeisenbergPicture(noisy, noise, self.observable, self.reads, trained)
        for part in self._parts:
            if part.method in ("windows", "register", "words"):
                amplitudes, _ = state_wires(circuit, part.method, part.observable)
                if amplitudes > MAX_AMPLITUDES:
                    raise ValueError(
                        f"circuit: {circuit} needs {amplitudes:.1e} amplitudes per sample, expected at most "
                        f"{MAX_AMPLITUDES:.1e} to read {self.observable}; take fewer blocks (the cone has 2 n_blocks - "
                        "1 wires), fewer qubits, or engine='auto'"
                    )
        self._numbers = self._count_numbers()
        kernel = compiled.kernel_of(circuit)
        families = [part for part in self._parts if part.observable == "Z" and part.method in COMPILED]
        self._compiled: Compiled | None = None
        if kernel is not None and families:
            evaluate = partial(self._small, families[0])
            self._compiled = Compiled(kernel, evaluate, self._numbers)
        every = tuple(range(circuit.n_qubits))
        in_order = self._parts[0].columns == self._parts[0].positions == every
        self._kernel_is_whole = self.takes_kernels and in_order and shots is None and circuit.data_scaling != "added"

    @property
    def trained(self) -> TrainedNoise | None:
        return None if self._picture is None else self._picture.trained

    @property
    def takes_kernels(self) -> bool:
        return len(self._parts) == 1 and self._compiled is not None

    def __call__(
        self,
        inputs: OwnInputs,
        weights: OwnWeights,
        generator: torch.Generator | None = None,
        strengths: Tensor | None = None,
    ) -> Expectations:
        self.check_angles(inputs, weights)
        if self._kernel_is_whole and self._compiled is not None and strengths is None:
            return self._compiled(inputs, weights, self.memory_budget)
        if strengths is not None:
            self._check_strengths(strengths)
        tensors = (inputs, weights) if strengths is None else (inputs, weights, strengths)
        exact = when_small(len(inputs) * self._numbers, self._exact, *tensors)
        return exact if self.shots is None else _sample(exact, self.shots, generator or self.generator)

    def _check_strengths(self, strengths: Tensor) -> None:
        """Raise ValueError where there is no trained noise, or strengths are not as many as it has."""
        if self.trained is None:
            raise ValueError("strengths: got some, and the noise is fixed; expected none, or trained_noise=True")
        if strengths.shape != (len(self.trained.start),):
            got, wanted = list(strengths.shape), [len(self.trained.start)]
            raise ValueError(f"strengths: got shape {got}, expected {wanted}, one per kind of noise of one qubit")

    def value_and_grad(
        self,
        inputs: OwnInputs,
        weights: OwnWeights,
        grad: Expectations | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Expectations, OwnInputs, OwnWeights]:
        self.check_angles(inputs, weights)
        size = inputs.shape[0], self.circuit.n_qubits
        fits = grad is None or (isinstance(grad, Tensor) and grad.shape == size)
        if fits and self._kernel_is_whole and self._compiled is not None:
            found = self._compiled.value_and_grad(inputs, weights, grad)
            if found is not None:
                return found
        return super().value_and_grad(inputs, weights, grad, generator)

    def _exact(self, inputs: OwnInputs, weights: OwnWeights, strengths: Tensor | None = None) -> Expectations:
        if self._picture is None:
            inputs, weights = separated(self.circuit, inputs, weights)
        values = [self._part(part, inputs, weights, strengths) for part in self._parts]
        positions = [position for part in self._parts for position in part.positions]
        every = tuple(range(values[0].shape[1]))
        if len(values) == 1 and self._parts[0].columns == self._parts[0].positions == every:
            return values[0]
        joined = torch.cat([value[:, list(p.columns)] for value, p in zip(values, self._parts, strict=True)], dim=1)
        return joined[:, sorted(range(len(positions)), key=positions.__getitem__)]

    def _part(self, part: Part, inputs: Tensor, weights: Tensor, strengths: Tensor | None) -> Tensor:
        """Return the columns of a family, or all words, of inputs and weights [batch, n_inputs], [n_blocks, n, 3]."""
        if part.observable == "Z" and self._compiled is not None:
            return self._compiled(inputs, weights, self.memory_budget)
        return self._plain(part, inputs, weights, strengths)

    def _small(self, part: Part, inputs: Tensor, weights: Tensor) -> Tensor:
        """Evaluate a part by operations of PyTorch, a small batch in one thread."""
        return when_small(inputs.shape[0] * self._numbers, partial(self._plain, part), inputs, weights)

    def _plain(self, part: Part, inputs: Tensor, weights: Tensor, strengths: Tensor | None = None) -> Tensor:
        """Evaluate a part by operations of PyTorch."""
        circuit, observable = self.circuit, part.observable
        if part.method == "closed form":
            if observable == "ZZ":
                z = bloch.expectations(circuit, inputs, weights)
                first, second = zip(*circuit.edges, strict=True)
                return z[:, list(first)] * z[:, list(second)]
            if observable == "Z" and two_blocks.writes_out(circuit):
                return two_blocks.expectations(circuit, inputs, weights)
            return bloch.expectations(circuit, inputs, weights, observable)
        if part.method == "Pauli paths":
            return pauli_paths.expectations(circuit, inputs, weights, observable)
        picture = self._picture
        evaluate = partial(self._tiled, part) if picture is None else partial(picture, strengths=strengths)
        size = self._piece(part, inputs)
        # Under torch.func, which has no checkpoints, everything is kept.
        tensors = (inputs, weights) if strengths is None else (inputs, weights, strengths)
        if size >= inputs.shape[0] or transformed(*tensors):
            return evaluate(inputs, weights)
        parts = [checkpoint(evaluate, piece, weights, use_reentrant=False) for piece in inputs.split(size)]
        return torch.cat(parts)

    def _count_numbers(self) -> int:
        """Return about how many numbers the evaluation of one sample has at a time."""
        if self._picture is not None:
            return self._picture.n_kept
        sizes = [
            2 * state_wires(self.circuit, part.method, part.observable)[0]
            if part.method in ("windows", "register", "words")
            else self.circuit.n_qubits * 4**self.circuit.n_blocks
            for part in self._parts
        ]
        return max(sizes)

    def _tiled(self, part: Part, inputs: Tensor, weights: Tensor) -> Tensor:
        """Evaluate state vectors, on a CPU in tiles of samples that stay in its caches."""
        if part.method == "words":
            evaluate = partial(word_expectations, self.circuit, words=self.reads)
        else:
            family = window_expectations if part.method == "windows" else register_expectations
            evaluate = partial(family, self.circuit, observable=part.observable)
        amplitudes, _ = state_wires(self.circuit, part.method, part.observable)
        tile = max(SMALLEST_TILE, TILE_BYTES // (amplitudes * 2 * inputs.element_size()))
        if inputs.device.type != "cpu" or inputs.shape[0] <= tile:
            return evaluate(inputs=inputs, weights=weights)
        return torch.cat([evaluate(inputs=piece, weights=weights) for piece in inputs.split(tile)])

    def _piece(self, part: Part, inputs: Tensor) -> int:
        """Return how many samples fit the memory budget."""
        if self._picture is not None:
            return max(1, self.memory_budget // (self._picture.n_kept * inputs.element_size()))
        amplitudes, states = state_wires(self.circuit, part.method, part.observable)
        return max(1, self.memory_budget // (amplitudes * states * 2 * inputs.element_size()))


def _sample(exact: Tensor, shots: int, generator: torch.Generator | None) -> Tensor:
    """Return means of `shots` outcomes with the gradient of the exact values."""
    probability = ((1 + exact.detach()) / 2).clamp(0, 1).double().cpu()
    ones = torch.binomial(torch.full_like(probability, shots), probability, generator=generator)
    drawn = (2 * ones / shots - 1).to(exact)
    return exact + (drawn - exact).detach()
