"""Groups of commands whose files are imported when one of them is run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


@dataclasses.dataclass(frozen=True)
class Command:
    """One command: where it is (module:name), and the line that its group's help shows.

    The name is that of a function, or of a Typer application with commands of its own.
    """

    where: str
    help: str

    def load(self, name: str) -> Any:
        """Import the command and return it as click runs it."""
        module, attribute = self.where.split(":")
        command = vars(import_module(module))[attribute]
        group = typer.Typer(add_completion=False)
        if isinstance(command, typer.Typer):
            group.add_typer(command, name=name)
        else:
            group.command(name)(command)
        return typer.main.get_group(group).commands[name]


def lazy_app(commands: Mapping[str, Command], **settings: Any) -> typer.Typer:
    """Return a Typer application of these commands; for its help and for mistakes none of their files is imported."""

    class Group(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, _, rest = super().resolve_command(ctx, args)
            return name, commands[name].load(name) if name else None, rest

    application = typer.Typer(cls=Group, **settings)
    for name, command in commands.items():
        application.command(name, help=command.help)(_stand_in)
    return application


def _stand_in() -> None:
    """Stand in the help of a group for a command whose file is not imported."""
