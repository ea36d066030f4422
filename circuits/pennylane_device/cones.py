"""The causal cone of an observable: the gates that its pulled-back form does not commute with, and their wires.

Walking back from O, each wire carries the set of Pauli operators that U^dagger O U can hold there, whatever the
parameters. A gate on wires that carry nothing meets its own inverse; so does a gate where only Z occurs on wires where
it is diagonal, such as its controls. Both rules are exact: what is left out changes neither a value nor a derivative.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from circuits.pennylane_device.gates import ANY, FLIPS, Z, image
from circuits.pennylane_device.graph import End, TapeGraph

Seeds = tuple[tuple[int, int], ...]
"""An observable as (track, mask of its Pauli operators there)."""


@dataclass(frozen=True)
class Cone:
    """The tracks of a cone, those of the observable first, and its nodes in the order in which they act."""

    tracks: tuple[int, ...]
    nodes: tuple[int, ...]


def find_cone(graph: TapeGraph, end: End, seeds: Seeds) -> Cone:
    """Walk back from an observable and keep what can matter."""
    mask_of: dict[int, int] = {}
    for track, mask in seeds:
        mask_of[track] = mask_of.get(track, 0) | mask
    waiting: list[int] = []
    seen: set[int] = {-1}
    inside: list[int] = []

    def wait_for(node: int) -> None:
        if node not in seen:
            seen.add(node)
            heapq.heappush(waiting, -node)

    for track in mask_of:
        wait_for(end.last.get(track, -1))
    while waiting:
        number = -heapq.heappop(waiting)
        node = graph.nodes[number]
        if node.name == "run":
            (track,) = node.tracks
            if not (node.diagonal[0] and mask_of[track] == Z):
                inside.append(number)
                mask_of[track] = image(mask_of[track], node.spread)
        else:
            masks = [mask_of.get(track, 0) for track in node.tracks]
            # Z commutes with a gate that is diagonal there.
            acts = [mask & (FLIPS if free else ANY) for mask, free in zip(masks, node.diagonal, strict=True)]
            if any(acts):
                inside.append(number)
                for k, track in enumerate(node.tracks):
                    elsewhere = any(acts[:k]) or any(acts[k + 1 :])
                    mask_of[track] = _before_diagonal(masks[k], elsewhere) if node.diagonal[k] else ANY
        for track, before in zip(node.tracks, node.previous, strict=True):
            if track in mask_of:
                wait_for(before)
    return Cone(tuple(mask_of), tuple(reversed(inside)))


def _before_diagonal(here: int, elsewhere: bool) -> int:
    """Return what a wire can hold before a gate diagonal there: X and Y mix, and what acts on other wires adds Z."""
    return here | (FLIPS if here & FLIPS else 0) | (Z if elsewhere else 0)


def independent_parts(graph: TapeGraph, cone: Cone, seeds: Seeds) -> list[Seeds]:
    """Split an observable where no gate of its cone joins its wires; expectations of the parts then multiply."""
    parent = {track: track for track in cone.tracks}

    def root(track: int) -> int:
        while parent[track] != track:
            parent[track] = parent[parent[track]]
            track = parent[track]
        return track

    for number in cone.nodes:
        first, *others = graph.nodes[number].tracks
        for other in others:
            parent[root(other)] = root(first)
    parts: dict[int, list[tuple[int, int]]] = {}
    for seed in seeds:
        parts.setdefault(root(seed[0]), []).append(seed)
    return [tuple(part) for part in parts.values()]


def share_cones(graph: TapeGraph, end: End, observables: Sequence[Seeds], cones: Sequence[Cone]) -> list[Cone]:
    """Return a cone for each observable, the same one where the wires of one cone hold those of another.

    A shared cone is found by walking back from all its observables at once.
    """
    order = sorted(range(len(cones)), key=lambda k: -len(cones[k].tracks))
    members: dict[int, list[int]] = {}
    leaders_on: dict[int, list[int]] = {}
    for k in order:
        mine = cones[k].tracks
        leader = next((j for j in leaders_on.get(mine[0], ()) if set(mine) <= set(cones[j].tracks)), k)
        members.setdefault(leader, []).append(k)
        if leader == k:
            for track in mine:
                leaders_on.setdefault(track, []).append(k)
    shared = list(cones)
    for leader, group in members.items():
        if len(group) > 1:
            joint = find_cone(graph, end, _union(observables[k] for k in group))
            if len(joint.tracks) == len(cones[leader].tracks):
                for k in group:
                    shared[k] = joint
    return shared


def _union(observables: Iterable[Seeds]) -> Seeds:
    masks: dict[int, int] = {}
    for seeds in observables:
        for track, mask in seeds:
            masks[track] = masks.get(track, 0) | mask
    return tuple(masks.items())
