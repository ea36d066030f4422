"""The tables of a conversion: accuracy, operations and energy, and the comparison bit by bit."""

from __future__ import annotations

import math

from sqnn.cli.output import console, table
from sqnn.conversion import Verification
from sqnn.metrics import ENERGY_MODELS, OPERATIONS, OperationCount, Score

PICOJOULES = 1000
"""Picojoules in a nanojoule."""


def score_table(title: str, source: Score, spiking: Score) -> None:
    """Print accuracies and spikes of both networks."""
    pair = (source, spiking)
    rows = [
        ("images", *(f"{one.images:,}" for one in pair)),
        ("accuracy", *(f"{one.accuracy:.2%}" for one in pair)),
        ("spikes per neuron", *("-" if math.isnan(one.spikes) else f"{one.spikes:.3f}" for one in pair)),
    ]
    table(title, ("", "source", "spiking"), rows)


def operation_table(source: OperationCount, spiking: OperationCount, images: int) -> None:
    """Print operations per image and what they cost."""
    rows = [
        (name.replace("_", "-"), f"{source.total(name):,.0f}", f"{spiking.total(name):,.0f}", "") for name in OPERATIONS
    ]
    for name in ENERGY_MODELS:
        ours, theirs = spiking.energy(name) / PICOJOULES, source.energy(name) / PICOJOULES
        rows.append((f"energy, {name} (nJ)", f"{theirs:,.1f}", f"{ours:,.1f}", f"{theirs / ours:.2f}"))
    columns = ("per image", "source", "spiking", "source / spiking")
    table(f"operations and energy, means over {images:,} images", columns, rows)


def verification_table(verification: Verification) -> None:
    """Print the bits of every layer, and in one line what they come to."""
    rows = [
        (layer.layer, f"{layer.neurons:,}", f"{layer.bits:,}", f"{layer.mismatches:,}", f"{layer.spikes:.3f}")
        for layer in verification.layers
    ]
    columns = ("layer", "neurons", "bits", "differ", "spikes per neuron")
    table(f"spikes beside bits, {verification.images:,} images", columns, rows)
    console.print(str(verification))
    if not verification.exact and verification.precision != "float64":
        console.print(
            f"bits that differ first lie within {verification.edge:.1g} levels of an edge, where rounding decides; "
            "--precision double leaves none there"
        )
