"""The story of one explanation: what the page is told, as JSON. Arrays are `Packed`; the viewer draws nothing else.

Steps are the first axis of arrays over time; a neuron is its flat number within the layer [channels, height, width].
A section that a network cannot have, or that was not asked for, is `{"absent": "the reason in words"}`.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from sqnn.explain.report.pack import Packed

FORMAT = "sqnn-explanation-1"
"""Name of the form of a story; another form gets another name."""


class Absent(TypedDict):
    """Why a section is not there."""

    absent: str


class Anytime(TypedDict):
    """Probabilities [steps, classes] of reading the answer at each step, and from which one on it stays the same."""

    probabilities: Packed
    decided: int
    decoding: str


class CostLine(TypedDict):
    """One line of what an inference costs."""

    name: str
    value: float
    unit: str
    note: str


class Answer(TypedDict):
    """Section 1: the final probabilities [classes], how far the second logit is behind, and the cost.

    `changed` says what was done to neurons, and `before` are the probabilities without it.
    """

    probabilities: list[float]
    margin: float
    anytime: Anytime | None
    costs: list[CostLine]
    changed: NotRequired[str]
    before: NotRequired[list[float]]


class LayerStory(TypedDict):
    """One layer of neurons: trains [steps, shown], and mean spikes per neuron of each class [classes, steps].

    `shown` are the numbers of the neurons that are kept, None where all `neurons` are; `values` is the share of each
    spike in the logit; `threshold` is one number, or `thresholds` one per neuron that is shown.
    """

    name: str
    title: str
    shape: list[int]
    neurons: int
    total: int
    shown: Packed | None
    spikes: Packed
    membranes: Packed | None
    threshold: float | None
    thresholds: Packed | None
    values: Packed | None
    psth: Packed | None


class Time(TypedDict):
    """Section 2: all layers of neurons, what their spikes are coloured by, and in words which layers are silent."""

    layers: list[LayerStory]
    coloured_by: str
    silent: str
    note: str


class Waterfall(TypedDict):
    """Shares of the qubits and of the angles in the logit, which add up from `baseline` to `output`."""

    baseline: float
    output: float
    qubits: list[float]
    angles: list[float]
    error: float


class Head(TypedDict):
    """Section 3: angles [steps or 1, 3 qubits] in radians, Bloch vectors [steps or 1, blocks, qubits, 3]."""

    n_qubits: int
    n_blocks: int
    angle_names: list[str]
    angles: Packed
    bloch: Packed
    waterfall: Waterfall | Absent


class Target(TypedDict):
    """A map [height, width] for the logit of one class."""

    target: int
    values: Packed


class Badge(TypedDict):
    """What was tested of a method: `state` is pass, fail or plain; `detail` says how it was measured."""

    text: str
    state: str
    detail: str


class Deletion(TypedDict):
    """Pixels in the order of a map, and the probabilities [fractions, classes] without so many of them."""

    order: Packed
    probabilities: Packed


class Map(TypedDict):
    """What one method holds for important; `redrawn` is the first of its maps with other random numbers.

    Of `targets` the first is the class explained, the second the one with the largest other logit, and the last, where
    it is none of these, the true class of a misread image.

    All maps of a method are drawn on one scale.
    """

    method: str
    title: str
    targets: list[Target]
    redrawn: Packed | None
    badges: list[Badge]
    deletion: Deletion


class PixelsStory(TypedDict):
    """Section 4: maps, and which shares of the pixels are deleted."""

    maps: list[Map]
    fractions: list[float]
    note: str


class Term(TypedDict):
    """A named part of the logit."""

    name: str
    value: float


class Station(TypedDict):
    """A layer on the way down: what arrives there, and what leaves there and goes to no input."""

    name: str
    arriving: float
    terms: list[Term]


class LedgerStory(TypedDict):
    """Section 5: stations from the logit to the input; the ends add up to `total`."""

    method: str
    total: float
    error: float
    stations: list[Station]
    ends: list[Term]


class Step(TypedDict):
    """One condition that the image fulfils, and the number that was asked for."""

    text: str
    value: float


class Leaf(TypedDict):
    """Images that end where this one does, and the share of them that the network answers as the rule does."""

    images: int
    agreement: float


class Disagreement(TypedDict):
    """An image on which rule and network differ."""

    image: Packed
    network: int
    rule: int


class RuleStory(TypedDict):
    """Section 6: the path of the image through a tree, and how far the tree says what the network says."""

    kind: str
    size: str
    fidelity: float
    images: int
    says: int
    steps: list[Step]
    leaf: Leaf
    disagreements: list[Disagreement]


class Nearest(TypedDict):
    """The smallest change found: no pixel moves by more than `radius`, in units of the image."""

    image: Packed
    radius: float
    label: int
    how: str


class Silenced(TypedDict):
    """What the network answers without the spikes of one neuron; `change` is that of the logit."""

    text: str
    change: float
    probabilities: list[float]
    label: int


class WhatIf(TypedDict):
    """Section 7; the note says which layers could not be tried."""

    nearest: Nearest | Absent
    neurons: list[Silenced]
    note: str


class MethodCost(TypedDict):
    """What a method took, and why it failed where it did."""

    title: str
    forwards: int | None
    backwards: int | None
    seconds: float | None
    failed: str | None


class Made(TypedDict):
    """Section 8: facts by name, and the methods."""

    facts: list[list[str]]
    methods: list[MethodCost]


class Sections(TypedDict):
    """The sections of a page in their order."""

    answer: Answer
    time: NotRequired[Time | Absent]
    head: NotRequired[Head | Absent]
    pixels: NotRequired[PixelsStory | Absent]
    ledger: NotRequired[LedgerStory | Absent]
    rule: NotRequired[RuleStory | Absent]
    what_if: NotRequired[WhatIf | Absent]
    made: NotRequired[Made]


class Story(TypedDict):
    """One image [channels, height, width] (of recordings [steps, ...]) in 0 to 255, and everything told of it.

    `steps` is what the encoder gives [steps, channels, height, width], each step scaled to its largest value; `target`
    is the class whose logit is explained, the answer unless another was asked for.
    """

    format: str
    title: str
    subtitle: str
    classes: list[str]
    label: int | None
    predicted: int
    runner_up: int
    target: int
    timesteps: int
    image: Packed
    steps: Packed | None
    sections: Sections
