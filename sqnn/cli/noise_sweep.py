"""`sqnn noise-sweep`: trained networks under growing noise."""

from __future__ import annotations

from sqnn.cli.study_command import study_command
from sqnn.studies import NoiseSweep

noise_sweep = study_command(NoiseSweep)
