"""`sqnn study`: one command per study."""

from __future__ import annotations

import typer

from sqnn.cli.study_command import study_command
from sqnn.studies import STUDIES

study = typer.Typer(name="study", help="Run a study, which compares choices on one small task.", no_args_is_help=True)


@study.callback()
def studies() -> None:
    """Run a study, which compares choices on one small task: it writes rows and a picture, and prints a table."""


for name, kind in STUDIES.items():
    if not kind.alone:
        study.command(name)(study_command(kind))
