"""Study of faithfulness: explanation methods on trained networks, measured image by image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqnn.core import Row, option
from sqnn.data import ImageData
from sqnn.explain import BADGES, MEASURES, QualityOptions, broke_off, makers_of, measure_part, summarise_methods
from sqnn.studies.faithfulness.networks import ExplainedNetwork, open_networks
from sqnn.studies.runner import Kind, Panel, Study, kinds

if TYPE_CHECKING:
    import pandas as pd

    from sqnn.models import Make

COLUMNS: Mapping[str, Kind] = {
    **kinds("network data method fingerprint: str; part image label: int; target: int?; randomised: str"),
    **dict.fromkeys(MEASURES, float | None),
    "problem": str,
}
"""Every column and the kind of its values; see MEASURES.

`image` is the number of a test image, `label` its class and `target` the one that is predicted and explained; `part` is
the number of the first image that was explained together with it. Where `randomised` names a layer, that one and all
after it were shuffled, and `similarity` is the only measure. `problem` says why a method gave no map.
"""
SIGNS = {True: "yes", False: "no"}


class MethodError(ValueError):
    """A method that broke off on a network by an error that is no refusal: its cell is measured again next time."""


class FaithfulnessCell(NamedTuple):
    """Some images of one network, explained by one method."""

    fingerprint: str
    method: str
    part: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaithfulnessStudy(QualityOptions, Study[Sequence[ExplainedNetwork], FaithfulnessCell]):
    """Measure whether explanation methods tell the truth about trained networks, against the intensity of the image and
    against chance.

    Deletion and insertion (in black and in the mean image), infidelity, sensitivity, cascading randomisation of the
    weights, sensitivity to the class; on planted images (--data planted) the share of a map in the half that the label
    was read from. Every method gets a badge per claim, from paired bootstrap intervals; those that fail are listed as
    failing, and those that refuse a network with their reason. Classes that are explained are those predicted.

    Every finished part of images is on the disk: the same command goes on where it was stopped, and takes more methods
    and networks. A method that breaks off by an error is named at the end, once all others are measured, and tried
    again by the same command.

    Examples:

    sqnn study faithfulness runs/mnist-0 --images 100 --methods relevance,occlusion

    sqnn study faithfulness runs/sqdr runs/has8 converted.safetensors runs/ann --data mnist --out runs/faithfulness
    """

    name = "faithfulness"
    title = "explanation methods: measures and claims"
    columns = COLUMNS
    key = ("fingerprint", "method", "image", "randomised")
    figure = "sqnn.studies.faithfulness.figure:plot_faithfulness"
    takes = "networks"
    axes = ("methods",)

    methods: tuple[str, ...] = option(
        (), "methods, with commas, and options as in relevance:rule=signed (default: all that explain pixels)"
    )

    def __post_init__(self) -> None:
        # Before the types of fields, which say less. A table knows methods by texts alone, which another process reads.
        methods: Any = [self.methods] if isinstance(self.methods, Mapping) else self.methods
        makers_of(methods or None)
        super().__post_init__()

    def prepare(
        self,
        models: object,
        data: ImageData | None = None,
        data_dir: str | Path | None = None,
        own: Make | None = None,
    ) -> list[ExplainedNetwork]:
        return open_networks(models, data, self.images, data_dir, own)

    def cells(self, subject: Sequence[ExplainedNetwork]) -> list[FaithfulnessCell]:
        return [
            FaithfulnessCell(network.fingerprint, method, part)
            for network in subject
            for method in makers_of(self.methods or None)
            for part in self.parts
        ]

    def share(
        self, subject: Sequence[ExplainedNetwork], cells: Sequence[FaithfulnessCell], folder: Path | None
    ) -> list[tuple[Any, FaithfulnessCell]]:
        networks = {network.fingerprint: network for network in subject}
        return [(networks[cell.fingerprint], cell) for cell in cells]

    def measure(self, cell: FaithfulnessCell, subject: ExplainedNetwork) -> list[Row]:
        make = makers_of((cell.method,))[cell.method]
        try:
            rows, _ = measure_part(make, subject.subject, subject.images, cell.part, self)
        except Exception as error:
            raise MethodError(f"{cell.method} broke off on {subject.label}: {broke_off(error)}") from error
        labels = dict(enumerate(subject.labels.tolist()))
        return [{**row, "label": labels[number]} for row in rows if isinstance(number := row["image"], int)]

    def shared_columns(self, subject: Sequence[ExplainedNetwork], cell: FaithfulnessCell) -> Row:
        network = next(network for network in subject if network.fingerprint == cell.fingerprint)
        return {"network": network.label, "data": network.data}

    def tell(self, cell: FaithfulnessCell, rows: Sequence[Row]) -> str:
        named = f"{rows[0]['network'] if rows else cell.fingerprint}, {cell.method}, from image {cell.part}"
        return f"{named}: {rows[0]['problem']}" if rows and rows[0]["problem"] else named

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        """Return one line per network and method; see `summarise_methods`."""
        return summarise_methods(rows)

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        """Yield measures and claims of each network's methods, the best at deletion first, and why others failed."""
        for network, lines in cls.summary(rows).groupby("network", sort=False):
            ordered = lines.sort_values("deletion", kind="stable", na_position="last").to_dict("records")
            measured = [line for line in ordered if not line["problem"]]
            images = max(line["images"] for line in ordered)
            names = ("deletion", "insertion", "infidelity", "sensitivity", "milliseconds")
            body = [(line["method"], _interval(line), *(_number(line[name]) for name in names)) for line in measured]
            yield Panel(f"{network}, {images:,} images", ("method", "minus intensity", *names), body)
            signs = [(line["method"], *(SIGNS.get(line[name], "-") for name in BADGES)) for line in measured]
            yield Panel("claims", ("method", *(name.replace("_", " ") for name in BADGES)), signs)
            yield from (f"{network}: {line['method']}: {line['problem']}" for line in ordered if line["problem"])
            if images < FEW:
                yield f"{network}: {images} images are few to settle claims by; take --images 500"
        yield LEGEND


LEGEND = (
    "deletion, infidelity and sensitivity: the lower the better; insertion: the higher; minus intensity: deletion less "
    "that of the intensity, with its 95 % interval; -: not measured, or nothing to compare with"
)
FEW = 100
"""Images below which a claim is told with a caution."""


def _number(value: float) -> str:
    return "-" if value != value else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _interval(line: Mapping[Any, Any]) -> str:
    if line["deletion_difference"] != line["deletion_difference"]:
        return "-"
    return f"{line['deletion_difference']:+.3f} [{line['deletion_low']:+.3f}, {line['deletion_high']:+.3f}]"
