"""The page of one image: made by asking every section for its part, written as one file without any request."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import torch
from torch import Tensor, nn

from noise_models import unknown
from sqnn.core import ConfigError, is_whole, path_of, require, require_one_of, write_text
from sqnn.data import SEED_LIMIT, SPLITS, ImageData, Split, require_image_data
from sqnn.explain.attribution import METHODS, Method, read_methods
from sqnn.explain.behaviour import Tree, distil, kinds_in
from sqnn.explain.recording import record
from sqnn.explain.report import sections
from sqnn.explain.report.pack import Packed, pack_bytes
from sqnn.explain.report.story import FORMAT, Answer, Story
from sqnn.explain.report.subject import Subject
from sqnn.kernels import evaluating_by_kernels
from sqnn.metrics import predict_logits
from sqnn.models import HasNetwork, network_of, require_network
from sqnn.training import check_fit

ALL_METHODS, PIXELS = "all", "pixels"
"""Stands for every method that makes maps of the pixels, and the place that these are of."""
REFERENCE = 500
"""Training images that the rates of the classes are means over."""
GROWN, TESTED = 3_000, 2_000
"""Training images that the tree is grown on, and images that it is tested on, at most."""
PASSES = {
    "shapley": 5_800,
    "occlusion": 1_400,
    "integrated-surrogate": 150,
    "integrated-smooth": 500,
    "integrated-events": 3_000,
}
"""Images that methods send through a network for the maps of both classes, roughly, forward and backward; of a
misread image, whose true class has maps too, half as many again.

Samples of the circuit alone, such as those of relevance, cost little beside them and are left out.
"""
FEW_PASSES, TIMED = 25, 32
"""Such images of all other methods, and images that are sent through at a time to see how long one takes."""
REDRAWN = 1.5
"""What the map of the answer with other draws adds to those of both classes."""
HEAD_FEATURES, SPIKE_FEATURES = ("angles",), ("counts", "regions")
"""What a tree asks of: the angles of a quantum head, which make its answer, and else spikes of channels and regions."""
HEAD_METHOD, LEDGER_METHOD = "shapley", "relevance"
"""What gives the shares of qubits and angles, and what keeps the ledger."""


@dataclass(frozen=True, eq=False, repr=False)
class Page:
    """The explanation of one image, as a `story` that the viewer draws."""

    story: Story

    def to_dict(self) -> Story:
        """Return the story: plain values, and arrays in base64 (`sqnn.explain.report.Packed`)."""
        return self.story

    def to_html(self) -> str:
        """Return one page that holds everything: style, viewer and story. It asks nothing of any network."""
        parts = {name: read_asset(f"viewer.{ending}") for name, ending in (("style", "css"), ("viewer", "js"))}
        # Within a script, only "<" could end it.
        story = json.dumps(self.story, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        return Template(read_asset("page.html")).substitute(parts, title=escape(self.story["title"]), story=story)

    def save(self, path: Path | str) -> Path:
        """Write the page; the file appears whole or not at all. Raises WriteError where it cannot be written."""
        file = path_of("path", path)
        write_text(file, self.to_html())
        return file

    def __repr__(self) -> str:
        return f"Page({self.story['title']}; save(path) writes it)"


def make_page(
    model: nn.Module | HasNetwork,
    data: ImageData,
    index: int,
    *,
    split: str = "test",
    methods: Sequence[str] | str | None = None,
    target: int | str | None = None,
    seed: int = 0,
    command: str = "",
    progress: Callable[[str], object] = lambda section: None,
) -> Page:
    """Explain what a network, or that of a run, answers to image number `index` of a part of a data set.

    `methods` name the maps of the pixels (see METHODS), each with options where they are not the default ones
    ("relevance:rule=signed"); "all" stands for all of them, and None for "shapley" and "relevance". `target` is the
    class whose logit is explained, by name or number, by default the answer; there are maps of the true class of a
    misread image beside it. All random numbers come from `seed`. `progress` is told the name of each section before it
    is made; `command` is what the page says that it was made by.

    Raises ConfigError where there is no such image, part, class, seed or method, or the data do not fit the network.
    """
    began = time.perf_counter()
    network, data = require_network(network_of(model)), require_image_data(data)
    images, chosen = images_with(data, split, index), pixel_methods(methods)
    check_fit(network, data)
    explained = None if target is None else class_number(target, data.classes)
    require(is_whole(seed) and 0 <= seed < SEED_LIMIT, "seed", seed, f"a whole number from 0 to {SEED_LIMIT - 1:,}")
    generator = torch.Generator().manual_seed(seed)
    seen = record(network, images.take([index]), generator=generator)
    subject = Subject(network, seen, data.classes, int(images.labels[index]), seed, explained)
    progress("the answer")
    answer = sections.answer(subject)
    progress("spikes through time")
    trains = sections.trains(subject, data.train.take(slice(REFERENCE)))
    progress("the quantum head")
    head = sections.head(subject, HEAD_METHOD)
    progress("which pixels")
    pixels = sections.pixels(subject, chosen)
    progress("the ledger")
    ledger = sections.ledger(subject, LEDGER_METHOD)
    progress("the rule")
    rule = sections.rule(subject, _tree(subject, data))
    progress("what if")
    what_if = sections.what_if(subject)
    image = f"number {index:,} of {data.name}, {split}"
    given = {"methods": methods, "target": target, "seed": seed or None}
    asked = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
    call = command or f"make_page(model, data, {index}, split={split!r}{asked})"
    other = subject.explained != subject.predicted
    title = f"What speaks for {data.classes[subject.explained]}?" if other else f"Why {subject.answer}?"
    story = begin(subject, f"{title} Image {image}", answer)
    story["sections"] |= {
        "time": trains,
        "head": head,
        "pixels": pixels,
        "ledger": ledger,
        "rule": rule,
        "what_if": what_if,
        "made": sections.made(subject, call, image, time.perf_counter() - began),
    }
    return Page(story)


def class_number(target: int | str, classes: Sequence[str]) -> int:
    """Return the number of a class that is given by its name, or by its number; ConfigError where there is none."""
    if isinstance(target, str) and target in classes:
        return classes.index(target)
    number = int(target) if isinstance(target, str) and target.isascii() and target.isdigit() else target
    if isinstance(number, str):
        raise ConfigError(unknown("target", target, classes))
    fits = is_whole(number) and 0 <= number < len(classes)
    require(fits, "target", target, f"the name of a class, or its number from 0 to {len(classes) - 1}")
    return int(number)


def images_with(data: ImageData, split: str, index: int) -> Split:
    """Return a part of a data set; ConfigError where there is none of this name, or no image `index` in it."""
    require_one_of("split", split, SPLITS)
    images = data.splits[split]
    fits = is_whole(index) and 0 <= index < len(images)
    require(fits, "index", index, f"the number of one of the {len(images):,} {split} images, from 0")
    return images


def begin(subject: Subject, title: str, answer: Answer) -> Story:
    """Return a story with its first section alone."""
    trains = subject.record.input
    return {
        "format": FORMAT,
        "title": title,
        "subtitle": sections.network_text(subject.model),
        "classes": list(subject.classes),
        "label": subject.label,
        "predicted": subject.predicted,
        "runner_up": subject.runner_up,
        "target": subject.explained,
        "timesteps": max(1, subject.record.timesteps),
        "image": pack_bytes(subject.image[0]),
        "steps": None if trains is None else _steps(trains),
        "sections": {"answer": answer},
    }


def chosen_methods(methods: Sequence[str] | str | None) -> list[str]:
    """Return the names, with their options, of methods that make maps of the pixels.

    ConfigError where one is unknown, with the names that there are, or there twice.
    """
    return list(pixel_methods(methods))


def pixel_methods(methods: Sequence[str] | str | None) -> dict[str, Method]:
    """Return the methods of `chosen_methods` by these names."""
    able = {name: kind for name, kind in METHODS.items() if PIXELS in kind.at}
    if methods is None:
        methods = [name for name, kind in able.items() if kind.by_default]
    elif methods == ALL_METHODS:
        methods = list(able)
    return {name: method for name, method in read_methods(methods, able).items() if method is not None}


def seconds_of(model: nn.Module | HasNetwork, data: ImageData, methods: Sequence[str]) -> float:
    """Return roughly how many seconds the maps of these methods will take here: images to be sent, times one's time."""
    network, images = require_network(network_of(model)), data.test.floats(slice(TIMED))
    predict_logits(network, images[:1])
    began = time.perf_counter()
    predict_logits(network, images)
    each = (time.perf_counter() - began) / len(images)
    return REDRAWN * each * sum(PASSES.get(method.partition(":")[0], FEW_PASSES) for method in methods)


def _tree(subject: Subject, data: ImageData) -> tuple[Tree, Split] | str:
    """Return a tree grown on some training images with those that it was measured on, or why there is none."""
    tested = data.test.take(slice(TESTED))
    part = dataclasses.replace(
        data, train=data.train.take(slice(GROWN)), validation=data.validation.take(slice(TESTED)), test=tested
    )
    wanted = SPIKE_FEATURES if subject.record.head is None else HEAD_FEATURES
    features = [kind for kind in wanted if kind in kinds_in(subject.record)]
    if not features:
        return "the network has neither spikes nor a circuit that a rule could ask of"
    # The kernels compute layers that nobody watches.
    layers = () if set(features) <= set(HEAD_FEATURES) else None
    try:
        with evaluating_by_kernels():
            tree = distil(subject.model, part, "tree", generator=subject.generator(), features=features, layers=layers)
    except ConfigError as error:
        return str(error)
    return (tree, tested) if isinstance(tree, Tree) else "nothing that could be grown"


def _steps(trains: Tensor) -> Packed | None:
    """Return what the encoder gives of one image, each step as a share of its largest value; None of other shapes."""
    steps = trains[:, 0]
    if steps.ndim != 4:
        return None
    return pack_bytes(steps / steps.flatten(1).amax(1).clamp(min=1e-12).view(-1, 1, 1, 1))


def read_asset(name: str) -> str:
    """Return the text of a file that lies beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
