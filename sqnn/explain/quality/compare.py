"""Comparison of explanation methods on one network and one set of images."""

from __future__ import annotations

import dataclasses
import itertools
import traceback
import warnings
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sqnn.core import ConfigError, Row, reason, require, sweep_progress
from sqnn.data import ImageData, planted_half, require_image_data
from sqnn.explain.attribution import Method
from sqnn.explain.quality.agreement import rank_correlation
from sqnn.explain.quality.badges import BADGES, summarise_methods
from sqnn.explain.quality.maps import MapMaker, ink
from sqnn.explain.quality.measure import AT_ONCE, MEASURES, TRAINED, QualityOptions, QualitySubject, measure_maps
from sqnn.explain.quality.methods import makers_of
from sqnn.kernels import evaluating_by_kernels
from sqnn.models import HasNetwork, network_of, require_network, shown_name
from sqnn.training import check_fit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AVERAGED = 10_000
"""Training images that make the mean image."""
SHOWN = ("deletion", "deletion_difference", "deletion_low", "deletion_high", "insertion", "infidelity", "milliseconds")
MARKS = {True: "yes", False: "no"}


class MethodWarning(UserWarning):
    """Methods that broke off by an error that is no refusal: what they lack is missing, and their error is kept."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MethodComparison:
    """What methods are worth on one network: one line per method in `frame`, and which claims each keeps.

    `rows` are the measures of every image (see MEASURES and `summarise_methods`), `agreement` the mean rank correlation
    of each pair of maps on ink (pixels that are not black), over the images that were explained anew. `errors` has, by
    method, the first error of each that broke off, which `raise found.errors["mine"]` shows with its traceback.
    """

    frame: pd.DataFrame
    rows: pd.DataFrame
    agreement: pd.DataFrame
    errors: Mapping[str, Exception] = dataclasses.field(default_factory=dict)

    @property
    def badges(self) -> pd.DataFrame:
        """The badges of each method: True, False, or None where nothing settles it."""
        return self.frame.set_index("method")[[*BADGES, "problem"]]

    def plot(self, ax: Sequence[Axes] | None = None) -> Figure:
        """Draw the intervals and the badges, on two axes where given; return the figure."""
        from circuits.plotting import Picture
        from sqnn.explain.quality.figure import draw_methods

        if ax is None:
            figure = Picture(figsize=(9, 0.9 + 0.32 * len(self.frame)), layout="constrained")
            ax = figure.subplots(1, 2, width_ratios=(3, 2))
        require(len(ax) == 2, "ax", len(ax), "two axes, of the intervals and of the badges")
        draw_methods(ax[0], ax[1], self.frame, str(self.frame.network.iloc[0]))
        found = ax[0].get_figure(root=True)
        if found is None:
            raise ConfigError("ax: got axes without a figure, expected some of one")
        return found  # type: ignore[return-value]

    def to_dict(self) -> dict[str, object]:
        """Return the lines and the agreement as plain values, None for what is missing."""
        plain = self.frame.astype(object)
        agreement = self.agreement.astype(object)
        return {
            "methods": plain.where(plain.notna(), None).to_dict("records"),
            "agreement": agreement.where(agreement.notna(), None).to_dict(),
        }

    def __repr__(self) -> str:
        failed = [f"{name} broke off: {broke_off(error)}" for name, error in self.errors.items()]
        return "\n".join([self._table().to_string(index=False, float_format="{:.3g}".format), *failed])

    def _repr_html_(self) -> str:
        notes = "".join(f"<li><b>{escape(name)}</b>: {escape(text)}</li>" for name, text in BADGES.items())
        return f"{self._table().to_html(index=False, float_format='{:.3g}'.format)}<ul>{notes}</ul>"

    def _table(self) -> pd.DataFrame:
        shown = self.frame.sort_values("deletion", kind="stable", na_position="last")
        badges = {name: [MARKS.get(value, "-") for value in shown[name]] for name in BADGES}
        return shown[["method", *SHOWN]].assign(**badges, problem=shown.problem)


def compare_methods(
    model: nn.Module | HasNetwork,
    data: ImageData,
    methods: str | Sequence[str] | Mapping[str, MapMaker | Method] | None = None,
    *,
    progress: bool = False,
    **options: int | float,
) -> MethodComparison:
    """Measure whether explanation methods tell the truth about a network, on test images and the classes it predicts.

    `methods` are names of METHODS, with commas or as a list; or a mapping from names of your own to methods, or to
    functions (model, images, classes, generator) -> maps [batch, height, width]; by default all that explain pixels.
    The intensity, random ink (random numbers where pixels are not black) and random pixels stand beside them, which a
    method has to beat. A method that refuses the network has its reason in the column `problem`; so has one that breaks
    off by any other error, which a MethodWarning names once all others are measured. `options` are the fields of
    `QualityOptions`: images, repeated, steps, deleted, squares, noises, radius, stages, seed. A data set of planted
    images tells where the truth lies.

    Raises ConfigError where the network does not fit the images, or a name or an option is unknown.
    """
    import pandas as pd

    how = QualityOptions.from_dict(options)
    network = require_network(network_of(model))
    makers = makers_of(methods)
    subject, images = subject_of(network, require_image_data(data), how.images)
    name = shown_name(network)
    rows: list[Row] = []
    kept: dict[str, dict[int, Tensor]] = {}
    errors: dict[str, Exception] = {}
    with sweep_progress(len(makers) * len(how.parts), progress, noun="part") as tick:
        for method, make in makers.items():
            for start in how.parts:
                try:
                    found, maps = measure_part(make, subject, images, start, how)
                except Exception as error:  # of a method of one's own: the others go on
                    errors.setdefault(method, error)
                    found, maps = _without_maps(images, start, broke_off(error)), None
                rows += [{"network": name, "method": method, **row} for row in found]
                if maps is not None and start < how.repeated:
                    kept.setdefault(method, {})[start] = maps[: how.repeated - start]
                tick(f"{method}: {found[0]['problem']}" if found[0]["problem"] else method)
    columns = ["network", "method", "image", "randomised", "target", *MEASURES, "problem"]
    frame = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(MEASURES, float))
    if errors:
        failed = "; ".join(f"{method} broke off ({broke_off(error)})" for method, error in errors.items())
        warnings.warn(f"methods: {failed}; the others are measured", MethodWarning, stacklevel=2)
    return MethodComparison(summarise_methods(frame), frame, _agreement(kept, images[: how.repeated]), errors)


def subject_of(model: nn.Module, data: ImageData, images: int) -> tuple[QualitySubject, Tensor]:
    """Return a network with what its explanations are measured by, and the first so many test images.

    Raises ValueError where the two do not fit or there are fewer.
    """
    check_fit(model, data)
    count = len(data.test)
    require(images <= count, "images", images, f"at most {count:,}, the test images of {data.name}")
    mean = data.train.images[:AVERAGED].float().mean(0) / data.train.max_level
    return QualitySubject(model, mean, planted_half(data)), data.test.floats(slice(images))


def measure_part(
    make: MapMaker, subject: QualitySubject, images: Tensor, start: int, how: QualityOptions
) -> tuple[list[Row], Tensor | None]:
    """Return the rows of the part of all `images` that begins with number `start`, and its maps.

    Where the method refuses them by a ValueError, there is one row per image with its reason as `problem`, and no map.
    """
    part = images[start : start + AT_ONCE]
    repeated = min(max(how.repeated - start, 0), len(part))
    try:
        with evaluating_by_kernels():  # some thousand images for each one explained
            rows, maps = measure_maps(make, subject, part, repeated, start, how)
    except ValueError as error:
        return _without_maps(images, start, reason(error)), None
    return [{"randomised": TRAINED, "problem": "", **row} for row in rows], maps


def _without_maps(images: Tensor, start: int, problem: str) -> list[Row]:
    """Return the rows of a part of all images for which a method gave no maps."""
    last = min(start + AT_ONCE, len(images))
    return [{"randomised": TRAINED, "problem": problem, "image": number} for number in range(start, last)]


def broke_off(error: Exception) -> str:
    """Say in one line what an error is, and where it was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {reason(error)} ({Path(place.filename).name}, line {place.lineno})"


def _agreement(maps: Mapping[str, Mapping[int, Tensor]], images: Tensor) -> pd.DataFrame:
    """Return the mean rank correlation of every two methods on ink, over the images that both gave maps for.

    `maps` are those of the parts of the images by the number of their first one.
    """
    import pandas as pd

    where = ink(images)
    whole = {name: torch.zeros(where.shape, dtype=torch.float64) for name in maps}
    for name, parts in maps.items():
        for start, part in parts.items():
            whole[name][start : start + len(part)] = part.cpu()  # a map of zeros correlates with none
    table = pd.DataFrame(float("nan"), index=list(whole), columns=list(whole))
    for one, other in itertools.combinations_with_replacement(whole, 2):
        value = float(rank_correlation(whole[one], whole[other], where).nanmean())
        table.loc[one, other] = table.loc[other, one] = value
    return table
