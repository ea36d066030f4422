"""Section 8: what is needed to make the page again."""

from __future__ import annotations

from torch import nn

from sqnn.core import counted, machine
from sqnn.explain.report.story import Made
from sqnn.explain.report.subject import Subject
from sqnn.metrics import count
from sqnn.models import shown_name
from sqnn.training import versions


def made(subject: Subject, command: str, image: str, seconds: float) -> Made:
    """Return versions, seed, command and time, and what every method took or why it failed."""
    facts = [
        ["command", command],
        ["network", network_text(subject.model)],
        ["image", image],
        ["seed", str(subject.seed)],
        ["time", f"{seconds:.1f} s on {machine()}"],
        ["versions", ", ".join(f"{name} {version}" for name, version in versions().items())],
    ]
    return {"facts": facts, "methods": subject.methods}


def network_text(model: nn.Module) -> str:
    """Return the name of a network and the number of its parameters."""
    return f"{shown_name(model)}, {counted(count(model).total, 'parameter')}"
