"""Section 3: what the quantum circuit reads, where its qubits point, and the share of each in the logit."""

from __future__ import annotations

import torch
from torch import Tensor

from circuits import ReuploadLayer
from sqnn.explain.behaviour import ANGLE_NAMES
from sqnn.explain.recording import bloch_vectors
from sqnn.explain.report.pack import pack_floats
from sqnn.explain.report.sections.answer import angles_over_time
from sqnn.explain.report.story import Absent, Head, Waterfall
from sqnn.explain.report.subject import Subject
from sqnn.metrics import evaluating
from sqnn.models import QuantumHead, device_and_dtype


def head(subject: Subject, method: str) -> Head | Absent:
    """Return the angles after each step (or the final ones), the Bloch vectors that they make, and exact shares."""
    model, seen = subject.model, subject.record.head
    if seen is None:
        return {"absent": "the network has no quantum head"}
    if not isinstance(model, QuantumHead) or not isinstance(model.circuit, ReuploadLayer):
        return {"absent": "its circuit is one of your own, which has no blocks to look into"}
    angles = _angles(subject)
    angles = seen.angles if angles is None else angles
    vectors = bloch_vectors(model.circuit, angles).transpose(0, 1)
    return {
        "n_qubits": model.circuit.circuit.n_qubits,
        "n_blocks": model.circuit.circuit.n_blocks,
        "angle_names": list(ANGLE_NAMES),
        "angles": pack_floats(angles),
        "bloch": pack_floats(vectors),
        "waterfall": _waterfall(subject, method),
    }


@torch.no_grad()
def _angles(subject: Subject) -> Tensor | None:
    with evaluating(subject.model) as device:
        image = subject.image.to(device, device_and_dtype(subject.model)[1])
        return angles_over_time(subject.model, image, subject.generator())


def _waterfall(subject: Subject, method: str) -> Waterfall | Absent:
    angles, qubits = (subject.ask(method, at) for at in ("angles", "qubits"))
    if isinstance(qubits, str):
        return {"absent": qubits}
    if isinstance(angles, str):
        return {"absent": angles}
    error = max(float(0 if one.completeness_error is None else one.completeness_error[0]) for one in (angles, qubits))
    return {
        "baseline": float(angles.reference[0]),
        "output": float(angles.output[0]),
        "qubits": qubits.values[0].flatten().tolist(),
        "angles": angles.values[0].flatten().tolist(),
        "error": error,
    }
