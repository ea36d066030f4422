"""Accuracy of the SQDR-CNN as a distribution, from the rows of `sqnn study seeds`."""

from __future__ import annotations

import shlex
from typing import Any

from result_tables.base import bold, markdown, number, percent, rows, table
from sqnn.studies import command_of, summarise_seeds
from sqnn.studies.seeds.settings import from_text


def command(name: str) -> str:
    """Return the command that makes all rows of a file of one variant."""
    return command_of(rows(name))


def distributions(name: str) -> str:
    """Return one line per number of threads, and one of all."""
    body = [
        [
            line["threads"],
            str(line["n"]),
            bold(percent(line["mean"])),
            f"{100 * line['std']:.2f}",
            f"{percent(line['least'])} to {percent(line['largest'])}",
            f"{percent(line['low'])} to {percent(line['high'])}",
            percent(line["validation"]),
            str(line["collapsed"]),
        ]
        for line in summarise_seeds(rows(name)).to_dict("records")
    ]
    header = ["threads", "trainings", "mean test accuracy", "standard deviation (points)", "range"]
    return markdown([*header, "95 % interval of the mean", "mean validation accuracy", "collapsed"], body)


def in_a_line(name: str) -> str:
    """Return mean and range in a line, with seeds, threads and machine."""
    frame = rows(name)
    line = summarise_seeds(frame).iloc[-1]
    seeds, threads = sorted(set(frame.seed)), " and ".join(map(str, sorted(set(frame.threads))))
    listed = (
        f"{seeds[0]} to {seeds[-1]}" if seeds == list(range(seeds[0], seeds[-1] + 1)) else ", ".join(map(str, seeds))
    )
    words = "thread" if threads == "1" else "threads"
    where = f"{line.machine}, {line.cores} cores"
    return (
        f"{percent(line['mean'])}, {percent(line.least)} to {percent(line.largest)} over {line.n} trainings "
        f"(seeds {listed}, {threads} {words}; {where})"
    )


@table("seeds-digits", "seeds-digits", lambda: command("seeds-digits"))
def seeds_digits() -> str:
    """The demo over seeds and threads."""
    return distributions("seeds-digits")


@table("seeds-mnist", "seeds-mnist", lambda: command("seeds-mnist"))
def seeds_mnist() -> str:
    """MNIST over seeds and threads."""
    return distributions("seeds-mnist")


@table("seeds-803", "seeds-803", lambda: command("seeds-803"))
def seeds_803() -> str:
    """The recipe of at most 803 parameters over seeds."""
    return distributions("seeds-803")


@table("seeds-2000", "seeds-2000", lambda: command("seeds-2000"))
def seeds_2000() -> str:
    """The recipe of at most 2,000 parameters over seeds."""
    return distributions("seeds-2000")


@table("seeds-2000-affine", "seeds-2000-affine", lambda: commands_of_variants("seeds-2000-affine"))
def seeds_2000_affine() -> str:
    """The recipe of at most 2,000 parameters where all epochs have changed images, for two lengths of training."""
    summary, names = ablation("seeds-2000-affine")
    header = ["variant", "differs in", "trainings", "mean test accuracy", "range", "mean validation accuracy"]
    body = [
        [
            *name,
            str(line["n"]),
            percent(line["mean"]),
            f"{percent(line['least'])} to {percent(line['largest'])}",
            percent(line["validation"]),
        ]
        for line, name in zip(summary, names, strict=True)
    ]
    return markdown(header, body)


@number("seeds-digits")
def digits_in_a_line() -> str:
    """Mean and range on the digits."""
    return in_a_line("seeds-digits")


@number("seeds-mnist")
def mnist_in_a_line() -> str:
    """Mean and range on MNIST."""
    return in_a_line("seeds-mnist")


@number("seeds-803")
def record_in_a_line() -> str:
    """Mean and range of the recipe of at most 803 parameters."""
    return in_a_line("seeds-803")


@number("seeds-803-first")
def first_record_in_a_line() -> str:
    """Mean and range of an earlier version of the recipe of at most 803 parameters."""
    return in_a_line("seeds-803-first")


@number("seeds-2000")
def larger_record_in_a_line() -> str:
    """Mean and range of the recipe of at most 2,000 parameters."""
    return in_a_line("seeds-2000")


@number("seeds-mnist-once")
def mnist_once_in_a_line() -> str:
    """Mean and range on MNIST where the planes are shown once."""
    return in_a_line("seeds-mnist-once")


def variants(name: str) -> tuple[str, dict[str, dict[str, str]]]:
    """Return the variant of an ablation that all others differ least from, and the settings of each."""
    frame = rows(name)
    settings = {variant: from_text(text) for variant, text in zip(frame.variant, frame.settings, strict=True)}
    return min(settings, key=lambda n: sum(len(differences(own, settings[n])) for own in settings.values())), settings


def ablation_command(name: str) -> str:
    """Return the command that makes all rows of an ablation."""
    frame = rows(name)
    base, settings = variants(name)
    varied = (" ".join([f"{label}:", *differences(own, settings[base], "=")]) for label, own in settings.items())
    return f"{command_of(frame[frame.variant == base])} {' '.join(f'--vary {shlex.quote(v)}' for v in varied)}"


def commands_of_variants(name: str) -> str:
    """Return the command of each variant, for those that have other seeds than one another."""
    return "` and `".join(command_of(part) for _, part in rows(name).groupby("variant"))


def ablation(name: str) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Return the summary of each variant, and its name and what it differs in: first the one all differ least from."""
    base, settings = variants(name)
    lines = summarise_seeds(rows(name)).drop_duplicates("variant", keep="last").to_dict("records")
    summary = sorted(lines, key=lambda line: line["variant"] != base)
    differs = [differences(settings[line["variant"]], settings[base]) for line in summary]
    words = (", ".join(f"`{word}`" for word in each) or "-" for each in differs)
    return summary, [[line["variant"], each] for line, each in zip(summary, words, strict=True)]


@table("seeds-ablation", "seeds-ablation", lambda: ablation_command("seeds-ablation"))
def seeds_ablation() -> str:
    """What each ingredient of the recipe brings on the digits."""
    summary, names = ablation("seeds-ablation")
    first = summary[0]
    return markdown(
        [
            "variant",
            "differs in",
            "trainings",
            "mean test accuracy",
            "range",
            "against the first (points)",
            "collapsed",
        ],
        [
            [
                *name,
                str(line["n"]),
                bold(percent(line["mean"])) if line is first else percent(line["mean"]),
                f"{percent(line['least'])} to {percent(line['largest'])}",
                "" if line is first else f"{100 * (line['mean'] - first['mean']):+.2f}",
                str(line["collapsed"]),
            ]
            for line, name in zip(summary, names, strict=True)
        ],
    )


@table("seeds-803-ablation", "seeds-803-ablation", lambda: ablation_command("seeds-803-ablation"))
def ablation_of_the_record() -> str:
    """What each ingredient of the recipe of at most 803 parameters brings, on validation images, seed by seed."""
    frame = rows("seeds-803-ablation").pivot(index="seed", columns="variant", values="validation_accuracy")
    _, names = ablation("seeds-803-ablation")
    base = frame[names[0][0]]
    body = []
    for (variant, differs), own in ((name, frame[name[0]]) for name in names):
        gains = 100 * (own - base)
        cells = [percent(own.mean()), f"{percent(own.min())} to {percent(own.max())}"]
        against = "" if variant == base.name else f"{gains.mean():+.2f} ({gains.min():+.2f} to {gains.max():+.2f})"
        body.append([variant, differs, str(own.count()), *cells, against])
    header = ["variant", "differs in", "trainings", "mean validation accuracy", "range"]
    return markdown([*header, "against the first, same seeds (points)"], body)


def differences(own: dict[str, str], other: dict[str, str], between: str = " ") -> list[str]:
    """Return the settings of a variant in which it differs from another, names and values."""
    return [f"{name}{between}{value}" for name, value in own.items() if other.get(name) != value]
