"""Section 1: the answer, when it was settled, and what it cost."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.explain.report.pack import pack_floats
from sqnn.explain.report.story import Answer, Anytime, CostLine
from sqnn.explain.report.subject import Subject
from sqnn.metrics import evaluating, operations
from sqnn.models import SNNMLP, SQDRCNN, QuantumHead, device_and_dtype

ANGLES_SO_FAR = "Read at step t, the angles are means over the steps until then."
OUTPUTS_SO_FAR = "Read at step t, the last neurons are counted, or averaged, over the steps until then."


def answer(subject: Subject) -> Answer:
    """Return the final answer, the one that reading after each step would have given, and the operations."""
    logits = subject.record.logits[0].double()
    return {
        "probabilities": subject.probabilities.tolist(),
        "margin": float(logits[subject.predicted] - logits[subject.runner_up]),
        "anytime": _anytime(subject),
        "costs": _costs(subject),
    }


def _anytime(subject: Subject) -> Anytime | None:
    read = logits_over_time(subject.model, subject.image, subject.generator())
    if read is None:
        return None
    logits, decoding = read
    same = (logits.argmax(1) == subject.predicted).tolist()
    decided = next((t for t in range(len(same), 0, -1) if not same[t - 1]), 0) + 1
    return {"probabilities": pack_floats(logits.softmax(1)), "decided": decided, "decoding": decoding}


def angles_over_time(model: nn.Module, image: Tensor, generator: torch.Generator) -> Tensor | None:
    """Return the angles [steps, 3 n_qubits] that reading after each step would have given; None of other networks.

    Only an SQDR-CNN averages over the steps what its circuit reads: after t of them the mean is over t.
    """
    if not isinstance(model, SQDRCNN):
        return None
    trains = model.encoder.encode(image, generator)
    steps = range(1, len(trains) + 1)
    return torch.cat([model.config.angle_scale * model.frontend(trains[:t]) for t in steps])


@torch.no_grad()
def logits_over_time(model: nn.Module, image: Tensor, generator: torch.Generator) -> tuple[Tensor, str] | None:
    """Return the logits [steps, classes] of reading one image [1, ...] after each step, and how they are read.

    The last are those of the network. None of networks that do not answer before their last step.
    """
    with evaluating(model) as device:
        image = image.to(device, device_and_dtype(model)[1])
        if isinstance(model, SNNMLP):
            spikes, membranes = model.outputs(image, generator)
            each = [model.decide(spikes[:t], membranes[:t]) for t in range(1, len(spikes) + 1)]
            return torch.cat(each).cpu(), OUTPUTS_SO_FAR
        angles = angles_over_time(model, image, generator)
        if angles is None or not isinstance(model, QuantumHead):
            return None
        return model.classify(angles, generator).cpu(), ANGLES_SO_FAR


def _costs(subject: Subject) -> list[CostLine]:
    count = operations(subject.model, subject.image)
    energy = "0.9 pJ an addition, 4.6 pJ a multiplication at 45 nm; counted, not measured"
    spikes = sum(float((layer.spikes != 0).sum()) for layer in subject.record.layers.values())
    lines: list[CostLine] = [
        {"name": "spikes", "value": spikes, "unit": "", "note": f"{count.spikes:.2f} per neuron"},
        {"name": "additions", "value": count.total("accumulates"), "unit": "", "note": "of a weight, for a spike"},
        {"name": "multiplications", "value": count.total("multiply_accumulates"), "unit": "", "note": "with a weight"},
        {"name": "energy", "value": count.energy() / 1e3, "unit": "nJ", "note": energy},
    ]
    if count.gates:
        lines.append({"name": "quantum gates", "value": count.gates, "unit": "", "note": "of one run, in no energy"})
    return lines
