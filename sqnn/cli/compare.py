"""`sqnn compare`: networks at equal budgets, tries, images and seeds."""

from __future__ import annotations

from sqnn.cli.study_command import study_command
from sqnn.studies import CompareStudy

compare = study_command(CompareStudy)
