"""The table of bad input and silence in the guide: every row is run, and answers what it says."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pages
import pytest
import torch
from torch import Tensor, nn

from sqnn.encoding import Direct
from sqnn.explain import attribute, make_page, record
from sqnn.models import create_model

GUIDE = Path(__file__).parents[2] / "docs/guide/explaining.md"
ROW = re.compile(r"^\| *(.*?) *\| `(.+?)` \| `(.+)` \|$", re.MULTILINE)
WANTED = (
    *("unknown layer", "unknown method", "class out of range", "NaN in an image", "wrong size", "one time step"),
    *("silent network", "no spiking neurons", "detached encoder"),
)


class Detached(nn.Module):
    """A linear layer behind an encoder whose trains are cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.read = Direct(2), nn.Linear(36, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.read(self.encoder(images).detach().flatten(2)).sum(0)


@cache
def known() -> dict[str, Any]:
    """What the rows name."""
    torch.manual_seed(0)
    data = pages.small_data()
    return {
        "attribute": attribute,
        "make_page": make_page,
        "record": record,
        "data": data,
        "images": data.test.floats(slice(2)),
        "model": pages.small_network(),
        "silent": pages.small_network(threshold=1e6),
        "one_step": pages.small_network(timesteps=1, encoding="direct"),
        "plain": create_model("logistic", image_size=(6, 6), num_classes=3),
        "detached": Detached(),
    }


def rows() -> list[tuple[str, str, str]]:
    found, case = [], ""
    for name, expression, answer in ROW.findall(GUIDE.read_text(encoding="utf-8")):
        case = name or case
        found.append((case, expression, answer))
    return found


def test_the_table_has_every_case() -> None:
    assert set(WANTED) <= {case for case, *_ in rows()}
    assert len(rows()) >= 20


@pytest.mark.parametrize(("case", "expression", "answer"), rows(), ids=[expression for _, expression, _ in rows()])
def test_a_row_of_the_table_is_true(case: str, expression: str, answer: str) -> None:
    try:
        found = repr(eval(expression, known()))
    except ValueError as error:
        found = str(error)
    assert "\n" not in found
    assert re.fullmatch(".*".join(map(re.escape, answer.split("..."))), found), found
