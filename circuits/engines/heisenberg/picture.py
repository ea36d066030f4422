"""Exact noisy expectations: the observable pulled back through the channels, batched over cones and samples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from circuits.compile import Compiled
from circuits.cone import Paulis
from circuits.engines.heisenberg import chains
from circuits.engines.heisenberg.chains import ChainBatch, Coefficients, batch_chains, stacked
from circuits.engines.heisenberg.cones import batch_cones, evaluate, find_cone
from circuits.engines.heisenberg.timeline import make_timeline
from circuits.engines.heisenberg.trained import Entries, TrainedNoise
from noise_models import Noise

ALL = (0, 1, 2, 3)
PAULI = {"X": 1, "Y": 2, "Z": 3}
MAX_COEFFICIENTS = 4**9
"""Pauli coefficients of one observable of one sample, 1 MiB in float32, above which a circuit is refused."""


class HeisenbergPicture:
    """Evaluate <P> of a compiled circuit under noise: inputs [batch, 3 n], weights [n_blocks, n, 3] -> [batch, n].

    The expectation of P is that of P' = E_1^+(E_2^+(...(P))) in |0...0>, E^+ the adjoint of each gate and channel. P'
    lives on the wires of its cone (`cones.py`); each is contracted with the Bloch vector of its
    wire as soon as nothing else touches it. Readout error acts last, as <P> -> bias + slope <P> on each wire read.

    Raises ValueError where an observable spreads over more Pauli coefficients than MAX_COEFFICIENTS.
    """

    def __init__(
        self, compiled: Compiled, noise: Noise, observable: str = "Z", trained: TrainedNoise | None = None
    ) -> None:
        circuit = compiled.circuit
        self.trained = trained
        timeline = make_timeline(compiled, noise, trained)
        self.n_inputs, self.n_slots = circuit.n_inputs, compiled.n_slots
        self.bias, self.slope = timeline.read.T.tolist()
        self.pauli = PAULI[observable[0]]
        observed: list[tuple[int, ...]] = [(wire,) for wire in range(circuit.n_qubits)]
        if len(observable) == 2:
            observed = list(circuit.edges)
        starts = [tuple(self._start_paulis(wire) for wire in wires) for wires in observed]
        cones = [find_cone(timeline, *pair) for pair in zip(observed, starts, strict=True)]
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
        self.kets = batch_chains(timeline.first, self.n_inputs, self.n_slots)
        self.rows = batch_chains(timeline.last[: circuit.n_qubits], self.n_inputs, self.n_slots)
        self.middle = batch_chains(timeline.middle, self.n_inputs, self.n_slots)

    def _start_paulis(self, wire: int) -> Paulis:
        return tuple(pauli for pauli, value in ((0, self.bias[wire]), (self.pauli, self.slope[wire])) if value) or (0,)

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
        for pauli, values in ((0, self.bias), (self.pauli, self.slope)):
            column = chains.column([values[member] for member in members])
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
