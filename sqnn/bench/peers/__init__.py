"""Peers, the other libraries that are measured: one file per library, which takes part where it is installed."""

from noise_models import Choices
from sqnn.bench.peers.aer import AER
from sqnn.bench.peers.bindsnet import BINDSNET
from sqnn.bench.peers.deepquantum import DEEPQUANTUM
from sqnn.bench.peers.has8 import HAS8
from sqnn.bench.peers.norse import NORSE
from sqnn.bench.peers.peer import Evaluate, Fire, Layerwise, Pass, Peer, Run, torch_pass, version_of
from sqnn.bench.peers.pennylane import BROADCAST, LIGHTNING, MIXED, ONE_BY_ONE
from sqnn.bench.peers.pennylane_jax import PENNYLANE_JAX
from sqnn.bench.peers.pennylane_qiskit import PENNYLANE_QISKIT
from sqnn.bench.peers.sinabs import SINABS
from sqnn.bench.peers.snntorch import SNNTORCH
from sqnn.bench.peers.spikingjelly import SPIKINGJELLY
from sqnn.bench.peers.tensorcircuit import TENSORCIRCUIT, TENSORCIRCUIT_JAX

PEERS: Choices[Peer] = Choices(
    "peers",
    {
        peer.name: peer
        for peer in (
            BROADCAST,
            LIGHTNING,
            ONE_BY_ONE,
            DEEPQUANTUM,
            TENSORCIRCUIT,
            PENNYLANE_JAX,
            TENSORCIRCUIT_JAX,
            AER,
            MIXED,
            PENNYLANE_QISKIT,
            SPIKINGJELLY,
            HAS8,
            BINDSNET,
            SNNTORCH,
            NORSE,
            SINABS,
        )
    },
)

__all__ = ["PEERS", "Evaluate", "Fire", "Layerwise", "Pass", "Peer", "Run", "torch_pass", "version_of"]
