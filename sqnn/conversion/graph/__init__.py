"""The graph of a network: traced, each call's role, what each edge carries, and what was recorded on the way."""

from sqnn.conversion.graph.carry import Plan, Signal, plan
from sqnn.conversion.graph.check import same
from sqnn.conversion.graph.nodes import DATA, activation_of, call_name, describe, module_of, site_name
from sqnn.conversion.graph.planes import gives_indices
from sqnn.conversion.graph.record import source_levels
from sqnn.conversion.graph.roles import Role, argument, role_of, upper_bound
from sqnn.conversion.graph.steps import require_steps, run_steps
from sqnn.conversion.graph.trace import (
    CHANNELS_LAST,
    CHECKED,
    EXAMPLE,
    SHAPES,
    TRACED,
    example_of,
    fits,
    other_reading,
    trace,
    unwrapped,
)
from sqnn.conversion.graph.watcher import Watcher

__all__ = [
    "CHANNELS_LAST",
    "CHECKED",
    "DATA",
    "EXAMPLE",
    "SHAPES",
    "TRACED",
    "Plan",
    "Role",
    "Signal",
    "Watcher",
    "activation_of",
    "argument",
    "call_name",
    "describe",
    "example_of",
    "fits",
    "gives_indices",
    "module_of",
    "other_reading",
    "plan",
    "require_steps",
    "role_of",
    "run_steps",
    "same",
    "site_name",
    "source_levels",
    "trace",
    "unwrapped",
    "upper_bound",
]
