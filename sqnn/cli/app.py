"""`sqnn`: the table of commands, and the one line that a mistake is answered with."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

import typer

import sqnn
from sqnn.cli.clock import Clock
from sqnn.cli.lazy import Command, lazy_app
from sqnn.cli.standard_output import json_alone
from sqnn.cli.stopping import Interrupted

MISTAKE, INTERRUPTED = 2, 130
DEBUG = "SQNN_DEBUG"
WAITING, ASLEEP = "OMP_WAIT_POLICY", "PASSIVE"
"""How threads wait for one another. By default they keep their core, on a busy machine from the one they wait for."""
# Typer carries its own click, or uses an installed one, depending on its version; this finds the class in both.
UsageError: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "train": Command(
            "sqnn.cli.train:train",
            "Train a network, keep the epoch that does best on validation images, and measure it once on the test "
            "images.",
        ),
        "evaluate": Command(
            "sqnn.cli.evaluate:evaluate", "Measure a trained network: accuracy, cross-entropy and confusion counts."
        ),
        "predict": Command(
            "sqnn.cli.predict:predict",
            "Print the class probabilities of image files, of folders of them, or of arrays of images.",
        ),
        "explain": Command(
            "sqnn.cli.explain:explain",
            "Explain what a network answers to one image, in a page to look at in any browser.",
        ),
        "count": Command(
            "sqnn.cli.count:count",
            "Count a network's trainable parameters: spiking, quantum (raw and effective) and classical.",
        ),
        "convert": Command(
            "sqnn.cli.convert:convert",
            "Convert a trained network into a spiking one and tell what that costs: accuracy, spikes, operations, "
            "energy.",
        ),
        "compare": Command(
            "sqnn.cli.compare:compare",
            "Train networks on the same images from the same seeds, and tell what each parameter buys.",
        ),
        "noise-sweep": Command(
            "sqnn.cli.noise_sweep:noise_sweep",
            "Measure trained networks while the noise of their circuits grows: every noise, strength, engine and draw.",
        ),
        "bench": Command("sqnn.cli.bench:app", "Compare speed and memory with other public libraries, side by side."),
        "study": Command("sqnn.cli.study:study", "Run a study, which compares choices on one small task."),
    }
)
"""Every command of `sqnn`; its file is imported when it is run, and not for the help of the others."""

app = lazy_app(
    COMMANDS,
    name="sqnn",
    help="Hybrid spiking-quantum machine learning: train, measure and count.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


def run(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code: 0, or 2 for a user's mistake. Raises Interrupted after Ctrl-C."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] != ["bench"]:  # which measures PyTorch as it comes
        os.environ.setdefault(WAITING, ASLEEP)  # read when PyTorch is loaded
    began = time.perf_counter()
    # What a fresh process has computed so far is its start; a program that calls this has done other things.
    started = time.process_time() if arguments is None else 0.0
    with json_alone(words):
        return _run(arguments, words, began, started)


def _run(arguments: list[str] | None, words: Sequence[str], began: float, started: float) -> int:
    """Run the command; `began` is when that was asked for, `started` how long the process took to come to it."""
    try:
        result = app(args=arguments, standalone_mode=False)
    except UsageError as error:
        return _complain(_in_our_words(error.format_message(), words))  # type: ignore[attr-defined]
    except typer.Abort as error:
        raise Interrupted from error
    except SystemExit as error:
        from sqnn.core import is_own, raised

        if os.environ.get(DEBUG) or not is_own(error):  # such as that of a closed pipe
            raise
        return _complain(f"code of your own ends the program: {raised(error)}; raise an error there instead")
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        messages = _messages(error)
        if os.environ.get(DEBUG) or not messages:
            raise
        return _complain(*messages)
    if result == INTERRUPTED:  # Typer itself turns Ctrl-C into this code
        raise Interrupted
    if isinstance(result, Clock):
        from sqnn.cli.output import console  # which a command that returns a clock has loaded

        console.print(result.line(started + result.began - began))
    return result if isinstance(result, int) else 0


def _in_our_words(message: str, words: Sequence[str]) -> str:
    """Return Typer's message on an option, one on a number as this package says it: with the text that came."""
    number = re.match(r"Invalid value for '(--[a-z-]+)'.*: Input should be a valid (integer|number)", message)
    if number is None:
        return message
    flag, expected = number[1], {"integer": "a whole number", "number": "a number"}[number[2]]
    pairs = [(word, words[place + 1 : place + 2]) for place, word in enumerate(words)]
    given = [word.partition("=")[2] for word in words if word.startswith(f"{flag}=")]
    given += [after[0] for word, after in pairs if word == flag and after]
    return f"{flag[2:].replace('-', '_')}: got {given[-1]!r}, expected {expected}" if given else message


def _messages(error: BaseException) -> tuple[str, ...]:
    """Return what to tell the user, one message a line; nothing where the error is none that a user can fix."""
    # Imported here, where a command has failed and has loaded most of it: no command waits for it.
    import torch

    from sqnn.conversion import ConversionError
    from sqnn.plasticity import RunawayError
    from sqnn.training import NotFiniteError

    notes: list[str] = getattr(error, "__notes__", [])
    if isinstance(error, ConversionError):
        return error.problems
    if isinstance(error, ValueError | OSError | NotFiniteError | RunawayError):
        return ("; ".join([str(error), *notes]),)
    # torch raises an error of its own where a GPU is full, and a plain RuntimeError where the main memory is.
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return ("out of memory; take a smaller network (n_qubits, channels, width), or a smaller batch_size",)
    return ()


def _complain(*messages: str) -> int:
    for message in messages:
        print(f"sqnn: {' '.join(message.split())}", file=sys.stderr)
    return MISTAKE
