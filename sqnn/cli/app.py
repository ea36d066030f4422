"""`sqnn`: the commands, and the one line that a mistake gets."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import torch
import typer

import sqnn
from sqnn.cli import bench
from sqnn.cli.convert import convert
from sqnn.cli.count import count
from sqnn.cli.evaluate import evaluate
from sqnn.cli.noise_sweep import noise_sweep
from sqnn.cli.predict import predict
from sqnn.cli.study import study
from sqnn.cli.train import train
from sqnn.conversion import ConversionError
from sqnn.training import NotFiniteError

MISTAKE, INTERRUPTED = 2, 130
DEBUG = "SQNN_DEBUG"
GOES_ON = {
    ("train",): "a training run goes on with: sqnn train --resume FOLDER",
    ("noise-sweep",): "the sweep goes on with the same command",
    ("study", "encoders"): "the study goes on with the same command",
    ("study", "conversion"): "the study goes on with the same command",
}
# Typer carries its own click, or uses an installed one, depending on its version; this finds the class in both.
UsageError: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

app = typer.Typer(
    name="sqnn",
    help="Hybrid spiking-quantum machine learning: train, measure and count.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (train, evaluate, predict, count, convert):
    app.command()(command)
app.command("noise-sweep")(noise_sweep)
app.add_typer(bench.app, name="bench")
app.add_typer(study)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sqnn {sqnn.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="show the version")
    ] = False,
) -> None:
    """Hybrid spiking-quantum machine learning: train, measure and count.

    Every mistake gets one line and exit code 2, a network that cannot be converted one line for every layer in the way;
    SQNN_DEBUG=1 shows the traceback as well.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code: 0, 2 for a user's mistake, 130 when interrupted."""
    try:
        result = app(args=arguments, standalone_mode=False)
    except UsageError as error:
        return _complain(error.format_message())  # type: ignore[attr-defined]
    except (typer.Abort, KeyboardInterrupt):
        result = INTERRUPTED
    except (ValueError, OSError, NotFiniteError) as error:
        if os.environ.get(DEBUG):
            raise
        return _complain(*(error.problems if isinstance(error, ConversionError) else [str(error)]))
    except (MemoryError, RuntimeError) as error:
        if os.environ.get(DEBUG) or not _out_of_memory(error):
            raise
        return _complain("out of memory; take a smaller network (n_qubits, channels, width), or a smaller batch_size")
    if result == INTERRUPTED:  # Typer itself turns Ctrl-C into this code
        words = sys.argv[1:] if arguments is None else arguments
        goes_on = [f"; {told}" for start, told in GOES_ON.items() if tuple(words[: len(start)]) == start]
        print("".join(["sqnn: interrupted", *goes_on]), file=sys.stderr)
    return result if isinstance(result, int) else 0


def _out_of_memory(error: BaseException) -> bool:
    # torch raises an error of its own where a GPU is full, and a plain RuntimeError where the main memory is.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _complain(*messages: str) -> int:
    for message in messages:
        print(f"sqnn: {' '.join(message.split())}", file=sys.stderr)
    return MISTAKE
