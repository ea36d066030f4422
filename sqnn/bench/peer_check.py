"""Checks of the peers: their versions, and whether each computes what our engine does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from sqnn.bench.peers import PEERS, Peer, torch_pass, version_of

CIRCUITS = ((2, 1, "ring"), (3, 2, "all"))
"""Qubits, blocks and entangler of the small circuits on which peers are compared with our engine."""
SAMPLES = 3
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}
"""Largest difference of values and gradients of small circuits."""


class Finding(NamedTuple):
    """A remark on a peer or a package, and whether it reports a mistake."""

    name: str
    version: str
    remark: str
    wrong: bool = False


def check_peers(pinned: Iterable[Path] = (), required: Iterable[Path] = ()) -> Iterator[Finding]:
    """Yield a finding about each peer, and about each package that has another version than the one asked for.

    Files of requirements say so: what is installed has to have its version in `pinned`, and what is in `required` has
    to be installed as well. Peers that evaluate circuits are compared with our engine, values and gradients.
    """
    required = list(required)
    for peer in PEERS.values():
        if not peer.installed():
            yield Finding(peer.title, peer.version, "not installed")
        elif peer.circuit is None:
            yield Finding(peer.title, peer.version, "installed")
        else:
            difference = disagreements(peer)
            yield Finding(peer.title, peer.version, difference or "agrees with sqnn", bool(difference))
    for path in (*pinned, *required):
        for package, expected in pins(path):
            installed = version_of(package)
            if installed.partition("+")[0] != expected and (installed or path in required):
                yield Finding(package, installed, f"expected {expected}, as {path} says", wrong=True)


def disagreements(peer: Peer) -> str:
    """Return where a peer's values or gradients differ from our engine's, or nothing."""
    from circuits import DataReupload, make_engine
    from sqnn.bench.quantum import disagreement, draw

    if peer.circuit is None:
        return ""
    for size in CIRCUITS:
        circuit = DataReupload(*size)
        for dtype in peer.precisions:
            inputs, weights = draw(circuit, SAMPLES, "cpu", dtype)
            ours = torch_pass(make_engine("lightcone", circuit), inputs, weights)
            difference = disagreement(peer.circuit(circuit, inputs, weights), ours)
            if not difference <= TOLERANCES[dtype]:
                return f"differs from sqnn by {difference:.1e} on {circuit}, {dtype}"
    return ""


def pins(path: Path) -> list[tuple[str, str]]:
    """Return the packages that a file of requirements pins with ==, with their versions; it may name other files."""
    packages: list[tuple[str, str]] = []
    for line in path.read_text().splitlines():
        if other := re.match(r"-r\s+(\S+)", line):
            packages += pins(path.parent / other[1])
        elif pin := re.match(r"([A-Za-z0-9._-]+)==(\S+)", line):
            packages.append((pin[1], pin[2]))
    return packages
