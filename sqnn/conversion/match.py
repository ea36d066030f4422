"""Which spiking neurons stand for which activations of a network that runs as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from torch import Tensor

from sqnn.conversion.graph import Role, role_of
from sqnn.conversion.network import SpikingNetwork
from sqnn.conversion.neuron import SpikingNeuron
from sqnn.conversion.observe import ACTIVATIONS, HOOKED, Call, Observation
from sqnn.core import ConfigError, require


@dataclass(frozen=True)
class Site:
    """A layer of spiking neurons, and the path of the activation that it stands for."""

    path: str
    neurons: SpikingNeuron


@dataclass(frozen=True)
class Match:
    """The sites in the order in which the network runs their activations, and what it does differently meanwhile.

    `rounded` has the operations that give levels instead of what they are; `average` says whether max pools take means.
    `words` tell what is compared.
    """

    sites: tuple[Site, ...]
    rounded: frozenset[str]
    average: bool
    words: str


def sites_of(spiking: SpikingNetwork) -> list[Site]:
    """Return the layers of spiking neurons in order of execution."""
    calls = [node for node in spiking.spiking.graph.nodes if node.name in spiking.sites]
    found = [(spiking.sites[node.name], spiking.spiking.get_submodule(str(node.target))) for node in calls]
    return [Site(path, neurons) for path, neurons in found if isinstance(neurons, SpikingNeuron)]


def match(observed: Observation, spiking: SpikingNetwork, trains: Mapping[str, Tensor]) -> Match:
    """Return which layer of neurons stands for which activation that ran; `trains` are spikes of some images.

    QCFS activations are found by their paths. Otherwise all activations are taken one after the other; operations of
    which none became spikes, such as activations that were kept or bounds of other numbers, are left out.

    Raises ConfigError where the two networks have other activations or max pools.
    """
    sites = sites_of(spiking)
    bits = spiking.how.code.steps.bit_length()
    for call in observed.calls:
        wanted = f"a conversion of the model's {call.bits} bits; convert the model"
        require(call.bits in (None, bits), "spiking", bits, wanted)
    average = _average(observed.pools, spiking)
    by_path = {site.path: site for site in sites}
    hooked = [call.where for call in observed.calls if call.kind == HOOKED]
    if len(hooked) == len(sites) and by_path.keys() == set(hooked):
        words = _words(len(hooked), 0, (), observed.pools if average else 0)
        return Match(tuple(by_path[path] for path in hooked), frozenset(), average, words)
    shapes = [tuple(trains[site.path].shape[2:]) for site in sites]
    ran = {call.kind for call in observed.calls} - {HOOKED}
    for rounded in _sets([kind for kind in ACTIVATIONS if kind in ran]):
        taken = [call for call in observed.calls if call.kind in (HOOKED, *rounded)]
        if [call.shape[1:] for call in taken] == shapes:
            left = [call.kind for call in observed.calls if call.kind not in (HOOKED, *rounded)]
            words = _words(len(hooked), len(taken) - len(hooked), left, observed.pools if average else 0)
            return Match(tuple(sites), frozenset(rounded), average, words)
    raise ConfigError(_mismatch(observed.calls, sites, shapes))


def _average(pools: int, spiking: SpikingNetwork) -> bool:
    """Say whether the spiking network averages the model's max pools; ConfigError where it does some of them."""
    graph = spiking.source
    kept = sum(
        role_of(graph, node) is Role.MAX_POOL
        for node in graph.graph.nodes
        if node.op in ("call_module", "call_function", "call_method")
    )
    fits = kept in (0, pools)
    require(fits, "spiking", f"{kept} max pools", f"the model's {pools}, or none; convert the model")
    return kept < pools


def _sets(kinds: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Give all sets of kinds, larger ones first, and of as many those with the first kinds first."""
    for size in range(len(kinds), -1, -1):
        yield from combinations(kinds, size)


def _words(hooked: int, rounded: int, left: Sequence[str], pools: int) -> str:
    """Say in words what the spiking network is compared with."""
    parts = [f"{_count(hooked, 'QCFS activation')} hooked"] if hooked or not rounded else []
    parts += [f"with {rounded:,} of its activations rounded to levels"] if rounded else []
    parts += [f"{_count(left.count(kind), 'call')} of {kind} left alone" for kind in dict.fromkeys(left)]
    parts += [f"{_count(pools, 'max pool')} averaged"] if pools else []
    return ("the model itself " if not hooked and rounded else "the model itself, ") + ", ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _mismatch(calls: Sequence[Call], sites: Sequence[Site], shapes: Sequence[tuple[int, ...]]) -> str:
    """Return the line that names the first activation of one network to which the other one has none."""
    first = next(
        (index for index, (call, shape) in enumerate(zip(calls, shapes, strict=False)) if call.shape[1:] != shape),
        min(len(calls), len(sites)),
    )
    where = f"{calls[first].where} of the model" if first < len(calls) else f"{sites[first].path} of spiking"
    return (
        "spiking: has other activations than model; convert the model that it is compared with "
        f"({len(sites):,} in spiking, {len(calls):,} in the model; the first that does not fit is {where})"
    )
