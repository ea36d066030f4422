"""Section 5: where the logit comes from, layer by layer, so that nothing is lost."""

from __future__ import annotations

from sqnn.explain.attribution import HANDED_ON
from sqnn.explain.report.story import Absent, LedgerStory, Station, Term
from sqnn.explain.report.subject import Subject

INPUT = "input"
"""Name of the last station."""


def ledger(subject: Subject, method: str) -> LedgerStory | Absent:
    """Return what arrives at each layer and what leaves there, from the ledger of a method that keeps one."""
    found = subject.ask(method, title=f"{method}, for the ledger")
    if isinstance(found, str):
        return {"absent": found}
    if found.ledger is None:
        return {"absent": f"{method} keeps no ledger"}
    kept, total = found.ledger, float(found.ledger.total[0])
    stations, arriving = [], total
    booked: dict[str, float] = {}
    for layer, balance in kept.layers.items():
        now = {name: float(value[0]) for name, value in balance.items()}
        handed_on = now.pop(HANDED_ON)
        left = {name: value - booked.get(name, 0.0) for name, value in now.items()}
        terms: list[Term] = [{"name": name, "value": value} for name, value in left.items() if value]
        stations.append(Station(name=layer, arriving=arriving, terms=terms))
        arriving, booked = handed_on, now
    stations.append(Station(name=INPUT, arriving=arriving, terms=[]))
    ends = {name: float(value[0]) for name, value in kept.terms.items()}
    return {
        "method": method,
        "total": total,
        "error": float(kept.error[0]),
        "stations": stations,
        "ends": [{"name": name, "value": value} for name, value in ends.items() if value],
    }
