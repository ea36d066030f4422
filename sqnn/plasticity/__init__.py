"""Local learning rules: what a synapse learns from the neurons that it joins."""

from sqnn.plasticity.competitive import balanced, moved, trace_sums, unit_rows, winners_of
from sqnn.plasticity.label_readout import LABEL_READOUTS, LabelReadout

__all__ = ["LABEL_READOUTS", "LabelReadout", "balanced", "moved", "trace_sums", "unit_rows", "winners_of"]
