"""Exact noisy expectations: the observable pulled back through the channels, batched over cones and samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from circuits.compile import Compiled
from circuits.cone import Paulis
from circuits.engines.heisenberg import chains
from circuits.engines.heisenberg.chains import ChainBatch, Coefficients, batch_chains, stacked
from circuits.engines.heisenberg.cones import batch_cones, evaluate, find_cone
from circuits.engines.heisenberg.timeline import make_timeline
from circuits.engines.heisenberg.trained import Entries, TrainedNoise
from circuits.observables import Word, letters_of
from noise_models import Noise

ALL = (0, 1, 2, 3)
PAULI = {"X": 1, "Y": 2, "Z": 3}
MAX_COEFFICIENTS = 4**9
"""Pauli coefficients of one observable of one sample, 1 MiB in float32, above which a circuit is refused."""


class HeisenbergPicture:
    """Evaluate Pauli words of a compiled circuit under noise, inputs and weights as in `Engine`: [batch, words].

    The expectation of a word P is that of P' = E_1^+(E_2^+(...(P))) in |0...0>, E^+ the adjoint of each gate and
    channel. P' lives on the wires of its cone (`cones.py`); each is contracted with the Bloch vector of its wire as
    soon as nothing else touches it. Readout error acts last, as <P> -> bias + slope <P> on each wire read. `wires` are
    those of each word's cone.

    Raises ValueError where an observable spreads over more Pauli coefficients than MAX_COEFFICIENTS.
    """

    def __init__(
        self,
        compiled: Compiled,
        noise: Noise,
        observable: str,
        words: Sequence[Word],
        trained: TrainedNoise | None = None,
    ) -> None:
        circuit = compiled.circuit
        self.trained = trained
        timeline = make_timeline(compiled, noise, trained)
        self.bias, self.slope = timeline.read.T.tolist()
        # One row of coefficients per operator and wire.
        self.paulis = [PAULI[letter] for letter in sorted(letters_of(words))]
        cones = []
        for word in words:
            wires = tuple(wire for wire, _ in word)
            starts = tuple(self._start_paulis(wire, PAULI[letter]) for wire, letter in word)
            rows = tuple(self.paulis.index(PAULI[letter]) * circuit.n_qubits + wire for wire, letter in word)
            cones.append(replace(find_cone(timeline, wires, starts), observed=rows))
        self.wires = [cone.wires for cone in cones]
        self.largest = max(cone.largest for cone in cones)
        if self.largest > MAX_COEFFICIENTS:
            raise ValueError(
                f"noise: <{observable}> of {circuit} spreads over {self.largest:,} Pauli coefficients under {noise}, "
                f"expected at most {MAX_COEFFICIENTS:,} for the engine lightcone; use the engine aer, fewer blocks, or "
                "the entangler brick, whose cones are shorter"
            )
        # For the backward pass autograd keeps about two tensors per step.
        self.n_kept = 2 * sum(cone.largest * (len(cone.steps) + 1) for cone in cones)
        self.cones = batch_cones(cones)
        self.kets = batch_chains(timeline.first, compiled)
        self.rows = batch_chains(timeline.last[: circuit.n_qubits] * len(self.paulis), compiled)
        self.middle = batch_chains(timeline.middle, compiled)

    def _start_paulis(self, wire: int, pauli: int) -> Paulis:
        return tuple(p for p, value in ((0, self.bias[wire]), (pauli, self.slope[wire])) if value) or (0,)

    def __call__(self, inputs: Tensor, weights: Tensor, strengths: Tensor | None = None) -> Tensor:
        x, w = inputs.t(), weights.reshape(-1)
        noise: list[Entries] = []
        if self.trained is not None:
            start = inputs.new_tensor(self.trained.start)
            noise = self.trained.channels(start if strengths is None else strengths)
        zero: Coefficients = [1.0, None, None, 1.0]
        kets = _in_order(
            [
                (members, stacked(chains.run_forward(batch, zero, x, w, noise), ALL, batch.n_chains, x))
                for members, batch in self.kets
            ]
        )
        rows = _in_order(
            [
                (members, stacked(self._row(batch, members, x, w, noise), ALL, batch.n_chains, x))
                for members, batch in self.rows
            ]
        )
        middle = [(members, chains.whole(batch, x, w, noise)) for members, batch in self.middle]
        matrices = _in_order(middle) if middle else None
        return _in_order([(batch.members, evaluate(batch, rows, kets, matrices)) for batch in self.cones]).t()

    def _row(
        self, batch: ChainBatch, members: list[int], x: Tensor, w: Tensor, noise: Sequence[Entries]
    ) -> Coefficients:
        """Return the observable's coefficients before the last chains of these wires."""
        row: Coefficients = [None, None, None, None]
        n = len(self.bias)
        columns = {0: [self.bias[member % n] for member in members]}
        for number, pauli in enumerate(self.paulis):
            columns[pauli] = [self.slope[member % n] if member // n == number else 0.0 for member in members]
        for pauli, values in columns.items():
            column = chains.column(values)
            if column:
                row[pauli] = chains.expanded(column, x)
        return chains.run_backward(batch, row, x, w, noise)


def _in_order(parts: list[tuple[list[int], Tensor]]) -> Tensor:
    """Put rows computed batch by batch back into the order of their positions."""
    if len(parts) == 1:
        return parts[0][1]
    positions = torch.tensor([position for members, _ in parts for position in members])
    joined = torch.cat([rows for _, rows in parts])
    return joined[positions.argsort().to(joined.device)]
