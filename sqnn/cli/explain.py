"""`sqnn explain`: one image's explanation as a page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from sqnn.cli.clock import Clock
from sqnn.cli.options import (
    IMAGES,
    OWN_CHANNELS,
    Progress,
    image_options,
    read_settings,
    recordings_in,
    with_options,
)
from sqnn.cli.output import check_files, console, write_json
from sqnn.cli.own import ModelOption, ModelOptions, given_own
from sqnn.cli.source import open_data, open_model
from sqnn.core import ConfigError, counted, require, require_one_of
from sqnn.data import DATASETS, SEED_LIMIT, SPLITS
from sqnn.explain import ALL_METHODS, NO_ATTRIBUTION, Story, chosen_methods, images_with, make_page, seconds_of

OWN_IMAGES = image_options(also=OWN_CHANNELS)
PAGE = Path("explanation.html")


@with_options(OWN_IMAGES)
def explain(
    path: Annotated[Path, typer.Argument(help="a run's folder, or a network's .safetensors file, converted ones too")],
    data: Annotated[str | None, typer.Option(help=f"{IMAGES.format(', '.join(DATASETS))} (default: the run's)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="folder with the data files (default: $SQNN_DATA)")] = None,
    split: Annotated[str, typer.Option(help=f"which part the image is of: {', '.join(SPLITS)}")] = "test",
    index: Annotated[int, typer.Option(help="number of the image, from 0")] = 0,
    out: Annotated[Path, typer.Option(help="the page, one file that needs no network")] = PAGE,
    methods: Annotated[
        str | None,
        typer.Option(
            help="maps of the pixels, with commas, and options as in relevance:rule=signed, "
            f"or {ALL_METHODS} (default: {', '.join(chosen_methods(None))})"
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="class whose logit is explained, by its name, or its number from 0 (default: the answer)"),
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of everything that is drawn at random")] = 0,
    json: Annotated[Path | None, typer.Option(help="also write what the page tells to this JSON file")] = None,
    progress: Progress = True,
    model: ModelOption = None,
    model_options: ModelOptions = None,
    **values: object,
) -> Clock:
    """Explain what a network answers to one image, in a page to look at in any browser.

    The page has eight sections: the answer and when it was settled, the spikes of every layer through time, the
    quantum head, the pixels that matter by several methods (each with marks of what it passed), where the logit comes
    from layer by layer, a rule in words, what would have changed the answer, and how all this was made. One slider
    moves time in all of them; the arrow keys do, too, and space plays. Spikes, head, pixels, ledger and silenced
    neurons speak of the answer, or of the class that --target names; of a misread image there are maps of its true
    class as well. The rule and the nearest change always speak of the answer.

    Examples:

    sqnn explain runs/mnist-0 --index 7 --out seven.html

    sqnn explain runs/mnist-0 --data mnist --index 7 --methods shapley,occlusion

    sqnn explain runs/mnist-0 --index 8 --methods all --json eight.json

    sqnn explain runs/mnist-0 --index 8 --methods relevance,relevance:rule=signed

    sqnn explain runs/mnist-0 --index 8 --target 5

    sqnn explain runs/pngs-1 --data pngs --split validation
    """
    clock = Clock()
    check_files(out=out, json=json)
    require_one_of("split", split, SPLITS)
    require(0 <= seed < SEED_LIMIT, "seed", seed, f"a whole number from 0 to {SEED_LIMIT - 1:,}")
    require(index >= 0, "index", index, "the number of an image, from 0")
    chosen = chosen_methods(methods)
    pictures = read_settings(None, values, OWN_IMAGES)
    opened = open_model(path, given_own(model, model_options))
    clock.lap("start-up")
    size, channels = pictures.get("size"), pictures.get("in_channels")
    images = open_data(path, data, data_dir, size, channels, recordings_in(pictures), split)
    images_with(images, split, index)
    clock.lap("data")
    if methods == ALL_METHODS:
        seconds = f"{seconds_of(opened.network, images, chosen):.0f} s"
        console.print(f"maps by {counted(len(chosen), 'method')}: about {seconds}, half as long again if it is misread")
    page = make_page(
        opened.network,
        images,
        index,
        split=split,
        methods=chosen,
        target=target,
        seed=seed,
        command=_command(path, images.name, split, index, methods=methods, target=target, seed=seed or None),
        progress=(lambda section: console.print(f"{section} ...")) if progress else (lambda section: None),
    )
    clock.lap("explanation")
    if methods not in (None, ALL_METHODS):
        _require_a_map(page.story)
    page.save(out)
    _print(page.story, out)
    write_json(json, page.to_dict())
    return clock


def _require_a_map(story: Story) -> None:
    """Raise ConfigError, with all reasons, where none of the methods that were asked for made a map.

    A silent network, which no method has a map of, has a page all the same.
    """
    if story["sections"]["pixels"].get("absent", NO_ATTRIBUTION) != NO_ATTRIBUTION:
        methods = story["sections"]["made"]["methods"]
        why = "; ".join(f"{method['title']}: {method['failed']}" for method in methods if method["failed"])
        raise ConfigError(f"methods: none of them makes a map: {why}")


def _command(path: Path, data: str, split: str, index: int, **more: object) -> str:
    words = ["sqnn", "explain", str(path), "--data", data, "--split", split, "--index", str(index)]
    given = [(f"--{name}", str(value)) for name, value in more.items() if value is not None]
    return shlex.join([*words, *(word for pair in given for word in pair)])


def _print(story: Story, out: Path) -> None:
    """Print the answer in a line, the sections that are missing and methods that failed, and where the page is."""
    names, answer = story["classes"], story["sections"]["answer"]
    said, label = names[story["predicted"]], story["label"]
    right = (
        "" if label is None else ", which is right" if label == story["predicted"] else f", but it is {names[label]}"
    )
    share = answer["probabilities"][story["predicted"]]
    console.print(f"the network says {said} ({share:.1%}){right}; runner-up {names[story['runner_up']]}")
    for name, section in story["sections"].items():
        if isinstance(section, dict) and "absent" in section:
            console.print(f"note: no section {name.replace('_', ' ')}: {section['absent']}")
    made = story["sections"].get("made")
    for method in made["methods"] if made else ():
        if method["failed"] not in (None, NO_ATTRIBUTION):
            console.print(f"note: {method['title']}: {method['failed']}")
    console.print(f"{out}: {out.stat().st_size / 1e6:.2f} MB; open it in a browser")
