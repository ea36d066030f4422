"""Named alternatives: an immutable mapping in its own order, and one message for a name that it does not have."""

from __future__ import annotations

import pytest

from noise_models import Choices, did_you_mean, unknown

COLOURS = Choices("colour", {"dark-red": 1, "blue": 2, "green": 3})


class ColourError(ValueError):
    pass


def test_a_name_is_picked_in_the_order_given() -> None:
    assert [COLOURS.pick(name) for name in COLOURS] == [1, 2, 3]
    assert dict(COLOURS) == {"dark-red": 1, "blue": 2, "green": 3}
    assert repr(COLOURS) == "Choices('colour': dark-red, blue, green)"
    with pytest.raises(TypeError):
        COLOURS["red"] = 4  # type: ignore[index]


def test_a_name_that_is_not_there_is_a_key_error_that_says_which_are() -> None:
    with pytest.raises(KeyError) as caught:
        COLOURS["gren"]
    assert str(caught.value) == "colour: got 'gren', expected one of dark-red, blue, green; did you mean 'green'?"
    assert "gren" not in COLOURS
    assert (COLOURS.get("gren"), COLOURS.get("gren", 4), COLOURS.get("blue")) == (None, 4, 2)


def test_later_changes_of_what_it_was_made_from_do_not_reach_it() -> None:
    members = {"a": 1}
    choices = Choices("letter", members)
    members["b"] = 2
    assert list(choices) == ["a"]
    assert list(Choices("letter", [("b", 2), ("a", 1)])) == ["b", "a"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Dark_Red", "colour: got 'Dark_Red', expected one of dark-red, blue, green; did you mean 'dark-red'?"),
        ("gren", "colour: got 'gren', expected one of dark-red, blue, green; did you mean 'green'?"),
        ("xyz", "colour: got 'xyz', expected one of dark-red, blue, green"),
        (3, "colour: got 3, expected one of dark-red, blue, green"),
        (["blue"], "colour: got ['blue'], expected one of dark-red, blue, green; did you mean 'blue'?"),
        (None, "colour: got None, expected one of dark-red, blue, green"),
    ],
)
def test_an_unknown_name_gets_the_names_and_the_nearest_of_them(name: object, line: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole line is compared
        COLOURS.pick(name)
    assert str(caught.value) == line
    assert unknown("colour", name, COLOURS) == str(caught.value)


def test_the_caller_names_the_argument_and_the_error() -> None:
    with pytest.raises(ColourError, match=r"^ink: got 'bleu', expected .*; did you mean 'blue'\?$"):
        COLOURS.pick("bleu", "ink", ColourError)


def test_only_a_near_name_is_suggested() -> None:
    assert did_you_mean("torinno", ("fez", "torino")) == "; did you mean 'torino'?"
    assert did_you_mean("no such thing", ("fez", "torino")) == ""
    assert did_you_mean("fez", ()) == ""
