"""Numbers and lists in words."""

from __future__ import annotations

import dataclasses

import pytest

from sqnn.core import Config, ConfigError, counted, option


def test_one_thing_is_singular() -> None:
    assert [counted(number, "image") for number in (0, 1, 2, 2_000)] == [
        "0 images",
        "1 image",
        "2 images",
        "2,000 images",
    ]
    assert [counted(number, "leaf", "leaves") for number in (0, 1, 64)] == ["0 leaves", "1 leaf", "64 leaves"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lists(Config):
    """Fields that are lists."""

    names: tuple[str, ...] = option((), "names", among=("angles", "counts"))
    layers: tuple[str, ...] | None = option(None, "layers")
    sizes: tuple[int, ...] = option((), "sizes")
    rates: tuple[float, ...] = option((), "rates")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": "counts"}, "names: got 'counts', expected a list of names (angles, counts), such as ['counts']"),
        ({"names": "cuonts"}, "names: got 'cuonts', expected a list of names (angles, counts), such as ['angles']"),
        ({"names": None}, "names: got None, expected a list of names (angles, counts), such as ['angles']"),
        ({"layers": "hidden"}, "layers: got 'hidden', expected a list of names, such as ['hidden']"),
        ({"sizes": 4}, "sizes: got 4, expected a list of whole numbers, such as [4]"),
        ({"rates": "x"}, "rates: got 'x', expected a list of numbers"),
    ],
)
def test_one_value_in_place_of_a_list_is_told_what_to_give(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Lists(**options)
    assert str(caught.value) == message
