"""`sqnn study`: one command per study."""

from __future__ import annotations

from collections.abc import Callable

import typer

from sqnn.cli.study_command import study_command
from sqnn.core import ConfigError
from sqnn.studies import STUDIES

study = typer.Typer(name="study", help="Run a study, which compares choices on one small task.", no_args_is_help=True)


@study.callback()
def studies() -> None:
    """Run a study, which compares choices on one small task: it writes rows and a picture, and prints a table."""


def _elsewhere(name: str) -> Callable[[], None]:
    def command() -> None:
        raise ConfigError(f"study: {name} is a command of its own: sqnn {name}")

    return command


for name, kind in STUDIES.items():
    if kind.alone:
        anything = {"ignore_unknown_options": True, "allow_extra_args": True}
        study.command(name, hidden=True, context_settings=anything, add_help_option=False)(_elsewhere(name))
    else:
        study.command(name)(study_command(kind))
