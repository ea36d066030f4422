"""The command line: each command is a file of this folder."""

from sqnn.cli.app import main

__all__ = ["main"]
