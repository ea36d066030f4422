"""Exact Shapley values of a quantum head: of all data angles, or of all qubits with their three angles."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from circuits import QuantumLayer, ReuploadLayer
from sqnn.core import ConfigError
from sqnn.explain.attribution.shapley.game import coalitions, shapley_matrix
from sqnn.models import QuantumHead

MOST_PLAYERS = 16
"""Most players of one game: 65,536 coalitions."""
MOST_ROWS = 2**18
"""Most samples that the circuit is given at a time."""
ROTATIONS = 3
"""Angles of a qubit."""


class HeadValues(NamedTuple):
    """Shapley values [batch, players], the logits they explain [batch], and how many samples the circuit was given."""

    values: Tensor
    output: Tensor
    reference: Tensor
    samples: int


@torch.no_grad()
def head_values(model: QuantumHead, angles: Tensor, target: Tensor, baseline: Tensor, qubits: bool) -> HeadValues:
    """Return the Shapley values of a head's players for the logit `target` [batch], in float64.

    A coalition is worth the logit where its players have the angles [batch, 3 n_qubits] of an image and all others
    those of the `baseline`, of the same shape. Players are the angles, or the qubits with three angles each.

    The logit is sum_q c_q <P_q> + b, and each expectation depends on the angles in its cone alone: the values are
    sums of those of n games of few players, all of whose coalitions are evaluated. Expectations whose cones do not meet
    share their samples. A head with hidden layers is one game of all players.

    Raises ConfigError where a game has more than MOST_PLAYERS. Of a circuit of one's own no cones are known: each
    expectation is a game of all angles. Probes let no circuit with shots come here.
    """
    if qubits and not isinstance(model.circuit, ReuploadLayer):
        raise ConfigError("at: got qubits for a circuit of one's own, whose angles belong to no wire; expected angles")
    head = _Head(model, angles.double(), baseline.double(), target)
    head.evaluate_ends()
    coefficients = head.coefficients
    values = _whole(head, qubits) if coefficients is None else _by_cones(head, coefficients, qubits)
    return HeadValues(values, head.output, head.reference, head.samples)


@torch.no_grad()
def head_relevance(model: QuantumHead, angles: Tensor, target: Tensor) -> HeadValues:
    """Return what the data angles share of the difference to the logit at angles of zero, in float64.

    They are the Shapley values of `head_values`. Where a head has hidden layers its expectations count by their
    multipliers instead: each ReLU hands back what its output changes by, over what its input changes by, and the
    Shapley values of the expectations, so weighted, add up to the same difference. Source of these multipliers:
    DeepLIFT (rescale rule), Shrikumar et al., ICML 2017.
    """
    head = _Head(model, angles.double(), torch.zeros_like(angles).double(), target)
    head.evaluate_ends()
    coefficients = head.coefficients
    if coefficients is None:
        coefficients = head.multipliers()
    return HeadValues(_by_cones(head, coefficients, False), head.output, head.reference, head.samples)


class _Head:
    """Circuit and head of a network in float64, whose expectations are exact."""

    def __init__(self, model: QuantumHead, angles: Tensor, baseline: Tensor, target: Tensor) -> None:
        self.circuit = model.circuit
        self.head = None if model.head is None else copy.deepcopy(model.head).double()
        self.scale = model.config.logit_scale
        self.angles, self.baseline, self.target = angles, baseline, target
        self.samples = 0

    def evaluate_ends(self) -> None:
        """Evaluate the logits that a game begins and ends with."""
        ends = torch.cat([self.angles, self.baseline])
        self.ends = self.expectations(ends)
        self.output, self.reference = self.logits(self.ends, torch.cat([self.target, self.target])).chunk(2)

    def expectations(self, angles: Tensor) -> Tensor:
        self.samples += len(angles)
        return torch.cat([self.circuit(part) for part in angles.split(MOST_ROWS)])

    def logits(self, expectations: Tensor, target: Tensor) -> Tensor:
        outputs = self.scale * expectations if self.head is None else self.head(expectations)
        return outputs.gather(1, target.unsqueeze(1))[:, 0]

    @property
    def coefficients(self) -> Tensor | None:
        """The factors [batch, outputs] of the expectations in the logit; None where it is not linear in them."""
        outputs = self.circuit.n_outputs
        if self.head is None:
            return self.scale * nn.functional.one_hot(self.target, outputs).double()
        only = self.head[0] if isinstance(self.head, nn.Sequential) and len(self.head) == 1 else None
        return only.weight[self.target] if isinstance(only, nn.Linear) else None

    def multipliers(self) -> Tensor:
        """Return the factors [batch, outputs] of changed expectations in the change of a logit, through ReLU layers."""
        if not isinstance(self.head, nn.Sequential):
            raise ConfigError(f"head: got {type(self.head).__name__}, expected linear layers with ReLU between them")
        values, inputs = self.ends, []
        for layer in self.head:
            inputs.append(values.chunk(2))
            values = layer(values)
        factors = nn.functional.one_hot(self.target, values.shape[1]).double()
        for layer, (now, then) in zip(reversed(self.head), reversed(inputs), strict=True):
            if isinstance(layer, nn.Linear):
                factors = factors @ layer.weight
            else:
                change, steps = layer(now) - layer(then), now - then
                factors = factors * torch.where(steps != 0, change / torch.where(steps != 0, steps, 1), 0)
        return factors

    def where(self, flags: Tensor) -> Tensor:
        """Return the angles [batch, rows, n] where flagged angles [rows, n] are those of the image."""
        return torch.where(flags.to(self.angles.device), self.angles.unsqueeze(1), self.baseline.unsqueeze(1))


def _whole(head: _Head, qubits: bool) -> Tensor:
    """Return the values of one game of all players."""
    owner = _owners(head, qubits)
    count = int(owner[-1]) + 1
    _check(count, qubits)
    rows = head.where(coalitions(count)[:, owner])
    worths = head.logits(head.expectations(rows.flatten(0, 1)), head.target.repeat_interleave(rows.shape[1]))
    return worths.view(len(rows), -1) @ shapley_matrix(count).t().to(worths.device)


def _by_cones(head: _Head, coefficients: Tensor, qubits: bool) -> Tensor:
    """Return the values of the game of sum_q c_q <P_q>, coefficients [batch, outputs], cone by cone."""
    owner = _owners(head, qubits)
    players = [sorted({int(owner[angle]) for angle in cone}) for cone in _cones(head.circuit)]
    for members in players:
        _check(len(members), qubits)
    values = head.angles.new_zeros(len(head.angles), int(owner[-1]) + 1)
    for outputs in _apart(players):
        size = max(len(players[output]) for output in outputs)
        flags = torch.zeros(1 << size, values.shape[1], dtype=torch.bool)
        for output in outputs:
            # A game of fewer players is there several times over; its first coalitions are read.
            flags[:, players[output]] = coalitions(size)[:, : len(players[output])]
        rows = head.where(flags[:, owner])
        worths = head.expectations(rows.flatten(0, 1)).view(len(rows), len(flags), -1)
        for output in outputs:
            members = players[output]
            shares = worths[:, : 1 << len(members), output] @ shapley_matrix(len(members)).t().to(worths.device)
            values[:, members] += coefficients[:, output, None] * shares
    return values


def _owners(head: _Head, qubits: bool) -> Tensor:
    """Return the player that each angle belongs to."""
    return torch.arange(head.angles.shape[1]) // (ROTATIONS if qubits else 1)


def _cones(circuit: ReuploadLayer | QuantumLayer) -> Sequence[Sequence[int]]:
    """Return the angles that each expectation can depend on; of a circuit of one's own, which shows none, all."""
    if isinstance(circuit, ReuploadLayer):
        return circuit.data_cones()
    return [range(circuit.n_inputs)] * circuit.n_outputs


def _apart(players: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Divide outputs into groups without a player in common; outputs without players are left out."""
    left = [output for output, members in enumerate(players) if members]
    while left:
        group: list[int] = []
        used: set[int] = set()
        for output in left:
            if used.isdisjoint(players[output]):
                group.append(output)
                used.update(players[output])
        left = [output for output in left if output not in group]
        yield group


def _check(players: int, qubits: bool) -> None:
    if players > MOST_PLAYERS:
        what = "qubits" if qubits else "angles"
        mend = "a circuit of fewer blocks" if qubits else "at='qubits'"
        raise ConfigError(
            f"at: got {what}, of which {players} together make one expectation, expected at most {MOST_PLAYERS}; "
            f"take {mend}, or method='gradient-input'"
        )
