"""PennyLane's own devices, known without loading PennyLane."""

STATE_VECTOR_DEVICES = ("default.qubit", "lightning.qubit", "lightning.gpu", "lightning.kokkos")
MAX_STATE_VECTOR_QUBITS = 30
"""Most qubits of a state vector: at 16 bytes per amplitude, 30 qubits take 16 GiB per sample."""
