"""The page in a headless browser: it draws all of it, obeys the keyboard, fits narrow screens, asks for nothing."""

from __future__ import annotations

import dataclasses
import json
import re
from functools import cache
from html import escape
from pathlib import Path

import numpy as np
import pages
import pytest
from pages import unpacked

import sqnn
from sqnn.explain import NO_ATTRIBUTION
from sqnn.explain.report import Page, make_page
from sqnn.explain.report.page import read_asset
from sqnn.metrics import predict_logits

browser = pytest.mark.skipif(pages.BROWSER is None, reason="no Chromium is installed")
MOST_VIEWER, MOST_PAGE = 60_000, 1_500_000

KEYS = """
const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const step = () => document.querySelector("output.step").textContent;
const bars = () => [...document.querySelectorAll("#sqnn-answer .bar-value")].map((bar) => bar.textContent);
const ink = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
const entering = () => ink(document.querySelectorAll("#sqnn-answer canvas.picture")[1]);
await wait(100);
told.sections = [...document.querySelectorAll("section")].map((part) => part.id);
told.end = [step(), bars(), entering()];
press("ArrowLeft"); told.left = step();
press("Home"); told.home = [step(), bars(), entering()];
press(" "); await wait(800); told.playing = step(); press(" ");
press("End"); told.back = step();
const raster = document.querySelector("canvas.raster");
told.raster = new Set(ink(raster).match(/[0-9]+,[0-9]+,[0-9]+,255/g)).size;
const traces = () => [...document.querySelectorAll("figure.trace figcaption")].map((text) => text.textContent);
told.traces = [traces()];
raster.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", bubbles: true})); told.traces.push(traces());
told.arrows = document.querySelectorAll("#sqnn-head .sphere .arrow").length;
const slider = document.querySelector("#sqnn-pixels input[type=range]");
const left = document.querySelectorAll("#sqnn-pixels article")[0].querySelectorAll("canvas")[3];
told.before = ink(left);
slider.value = slider.max; slider.dispatchEvent(new Event("input"));
told.after = ink(left);
told.deleted = document.querySelector("#sqnn-pixels output").textContent;
told.theme = document.querySelector(".sqnn").dataset.theme;
document.querySelector("nav button").click();
told.turned = document.querySelector(".sqnn").dataset.theme;
told.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
told.falls = [...document.querySelectorAll("#sqnn-head svg text.value")].map((text) => text.textContent);
told.key = document.querySelector("#sqnn-time .lead").textContent;
const figure = document.querySelector("#sqnn-pixels article figure.shared");
told.maps = [...figure.querySelectorAll(".pair figcaption")].map((text) => text.textContent);
told.scale = figure.lastElementChild.textContent;
told.reddest = [...figure.querySelectorAll("canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Math.max(...Array.from({ length: data.length / 4 }, (_, i) => Math.abs(data[4 * i] - data[4 * i + 2])));
});
told.unnamed = [...document.querySelectorAll("button, input, select, canvas, svg")].filter((part) =>
  !(part.textContent.trim() || part.getAttribute("aria-label") || part.closest("label"))).map((part) => part.outerHTML);
"""


@cache
def page() -> Page:
    return make_page(pages.small_network(), pages.small_data(), 4, methods="relevance")


def test_the_page_is_one_small_file_that_asks_for_nothing() -> None:
    text = page().to_html()
    assert len(read_asset("viewer.js").encode()) <= MOST_VIEWER
    assert len(text.encode()) < MOST_PAGE
    assert "default-src 'none'" in text
    outside = re.findall(r"https?://[^\"'\s`;]+", text)
    assert set(outside) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|importScripts)\b|@import|<link|\bimport\s*[({\"']", text)


def test_text_of_a_story_cannot_leave_its_place() -> None:
    hostile = dict(page().story) | {"title": "</script><script>alert(1)</script>"}
    text = Page(hostile).to_html()
    assert text.count("</script>") == page().to_html().count("</script>")
    assert "<script>alert" not in text


@browser
def test_time_moves_everything_and_all_sections_are_drawn(tmp_path: Path) -> None:
    told, console = pages.look(page().to_html(), tmp_path, KEYS)
    assert console == ""
    assert told["sections"] == [f"sqnn-{name}" for name in page().story["sections"]]
    assert (told["end"][0], told["left"], told["home"][0]) == ("step 8 of 8", "step 7 of 8", "step 1 of 8")
    assert (told["playing"], told["back"]) == ("step 2 of 8", "step 8 of 8")
    answer = page().story["sections"]["answer"]
    for shown, share in zip(told["home"][1], unpacked(answer["anytime"]["probabilities"])[0], strict=True):
        assert float(shown.removesuffix(" %")) == pytest.approx(100 * share, abs=0.51)
    assert told["end"][1] != told["home"][1]
    assert told["end"][2] != told["home"][2]
    assert told["raster"] > 3
    assert told["traces"][0] != told["traces"][1]
    assert told["arrows"] == 2 * 3
    assert told["before"] != told["after"]
    assert told["deleted"] == "18 of 36 pixels deleted"
    assert {told["theme"], told["turned"]} == {"light", "dark"}
    assert told["unnamed"] == []
    assert told["requests"] == []
    falls = page().story["sections"]["head"]["waterfall"]
    numbers = [float(text.replace("\u2212", "-") or 0) for text in told["falls"]]
    np.testing.assert_allclose(numbers, [falls["baseline"], *falls["qubits"], falls["output"]], atol=0.0051)
    assert "grey marks have next to no share" in told["key"]
    shown = page().story["sections"]["pixels"]["maps"][0]
    most = [
        np.abs(unpacked(values)).max() for values in (*(one["values"] for one in shown["targets"]), shown["redrawn"])
    ]
    assert [text.split()[0] for text in told["maps"]] == ["for"] * 3
    assert float(told["scale"].split("+")[1].split()[0]) == pytest.approx(max(most), rel=0.02, abs=6e-4)
    # On one scale the map of the smaller values is the paler one, and the redrawn one looks as the first does.
    assert (told["reddest"][0] > told["reddest"][1]) == (most[0] > most[1])
    assert told["reddest"][0] == told["reddest"][2]


LOOK = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const drawn = () => document.querySelectorAll(".chart > svg").length === document.querySelectorAll(".chart").length;
for (let i = 0; i < 15 && !drawn(); i++) await wait(100);
told.drawn = drawn();
const named = (part) => part.textContent + " in " + (part.ownerSVGElement.querySelector("title") || {}).textContent;
told.over = []; told.outside = [];
for (const svg of document.querySelectorAll("svg")) {
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent);
  const boxes = texts.map((text) => text.getBoundingClientRect()), whole = svg.getBoundingClientRect();
  boxes.forEach((a, i) => {
    if (a.left < whole.left - 2 || a.right > whole.right + 2) told.outside.push(named(texts[i]));
    boxes.slice(i + 1).forEach((b, j) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 2 && high > 4) told.over.push(named(texts[i]) + " / " + named(texts[i + j + 1]));
    });
  });
}
told.cut = [...document.querySelectorAll(".sqnn *")].filter((part) => part.clientWidth > 0
  && part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== "inline");
told.cut = told.cut.map((part) => part.outerHTML.slice(0, 80));
const texts = (place, which) => (place ? [...place.querySelectorAll(which)].map((text) => text.textContent) : []);
told.maps = texts(document.querySelector("#sqnn-pixels article"), ".shared .pair figcaption");
const details = document.querySelector("#sqnn-pixels details");
if (details) details.querySelector("summary").click();
told.measured = details && details.open ? texts(details, "li") : [];
told.lead = document.querySelector("#sqnn-pixels :is(.lead, .absent)").textContent;
told.names = [...document.querySelectorAll("#sqnn-answer svg text.name")];
told.names = told.names.map((text) => text.firstChild.textContent);
const nodes = [...document.querySelectorAll("#sqnn-ledger rect.node")];
told.nodes = nodes.map((node) => Number(node.getAttribute("width")));
told.ticks = texts(document.querySelector("#sqnn-time"), ".psth svg text.end");
"""
LONG = ("aeroplane or airship", "b", "cat")
"""Names of classes, the first of which does not fit beside a line."""


@cache
def misread() -> Page:
    """An image whose true class has the last logit, and whose class names are long."""
    data = dataclasses.replace(pages.small_data(), classes=LONG)
    ranks = predict_logits(pages.small_network(), data.test.floats()).argsort(1)
    return make_page(
        pages.small_network(), data, int((ranks[:, 0] == data.test.labels).nonzero()[0]), methods="relevance"
    )


@browser
@pytest.mark.parametrize("width", [1280, 520])
def test_the_page_of_a_misread_image_shows_its_true_class_and_nothing_lies_on_another(
    width: int, tmp_path: Path
) -> None:
    told, console = pages.look(misread().to_html(), tmp_path, LOOK, width)
    assert (console, told["drawn"]) == ("", True)
    assert (told["over"], told["outside"], told["cut"]) == ([], [], [])
    story = misread().story
    said, second, true = (LONG[story[name]] for name in ("predicted", "runner_up", "label"))
    expected = [f"for {said}", f"for the runner-up {second}", f"for the true class {true}", f"for {said}, other draws"]
    assert told["maps"] == expected
    assert f"the map for {true}, its true class, shows what spoke for the label that was missed" in told["lead"]
    badges = story["sections"]["pixels"]["maps"][0]["badges"]
    assert told["measured"] == [f"{badge['text']}: {badge['detail']}" for badge in badges]
    shown = [name if len(name) <= 14 else f"{name[:13]}\u2026" for name in (said, second, f"{true} true")]
    assert told["names"] == shown


@browser
def test_the_page_of_a_silent_network_draws_nothing_as_if_it_were_something(tmp_path: Path) -> None:
    silent = make_page(pages.small_network(threshold=1e6), pages.small_data(), 0, methods="saliency")
    told, console = pages.look(silent.to_html(), tmp_path, LOOK)
    assert (console, told["drawn"]) == ("", True)
    assert (told["over"], told["outside"], told["cut"], told["maps"]) == ([], [], [], [])
    assert told["lead"] == f"Not here: {NO_ATTRIBUTION}."
    values = [station["arriving"] for station in silent.story["sections"]["ledger"]["stations"]]
    assert [width == 0 for width in told["nodes"]] == [value == 0 for value in values]
    assert values.count(0) >= 2
    assert told["ticks"] == ["0", "0"]


WIDGET = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const listeners = {}, place = document.createElement("div");
document.body.append(place);
const stories = JSON.parse(document.getElementById("stories").textContent);
const model = { get: () => stories[0] };
model.send = (message) => { told.sent = message; };
model.on = (name, call) => { listeners[name] = call; };
globalThis.widget.render({ model, el: place });
await wait(100);
const bars = () => [...place.querySelectorAll(".bar-value")].slice(0, 3).map((bar) => bar.textContent);
told.before = bars();
place.firstChild.dispatchEvent(new KeyboardEvent("keydown", {key: "Home", bubbles: true}));
[...place.querySelectorAll(".hands button")].find((button) => button.textContent === "silence").click();
model.get = () => stories[1];
listeners["change:story"]();
await wait(100);
told.after = bars(); told.step = place.querySelector("output.step").textContent;
told.text = place.querySelector(".told").textContent; told.hands = place.querySelectorAll(".hands").length;
"""


@browser
@pytest.mark.slow
def test_the_widget_sends_what_is_asked_and_draws_what_comes_back(tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    seen = sqnn.explore(pages.small_network(), pages.small_data().test.floats([4])[0])
    layer = next(iter(seen.record.layers))
    before = seen.story
    seen.silence(layer, int(seen.record[layer].spikes[:, 0].flatten(1).sum(0).argmax()))
    stories = json.dumps([before, seen.story])
    module = read_asset("viewer.js").replace("export default {", "globalThis.widget = {")
    style = f"<style>{read_asset('viewer.css')}</style>"
    data = f'<script type="application/json" id="stories">{stories}</script>'
    text = f'<body>{style}{data}<script type="module">{module}</script></body>'
    told, console = pages.look(text, tmp_path, WIDGET)
    assert console == ""
    assert told["sent"]["action"] == "silence"
    assert seen.record[told["sent"]["layer"]].spikes[0, 0].numel() > told["sent"]["neuron"] >= 0
    assert told["before"] != told["after"]
    assert told["text"] == seen.story["sections"]["answer"]["changed"]
    assert told["step"] == "step 1 of 8"
    assert told["hands"] > 0


@browser
@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_screen_needs_no_sideways_scrolling(tmp_path: Path, dark: bool) -> None:
    # In a frame: the window of Chromium is 500 pixels wide at least.
    frame = f'<body><iframe width="400" height="900" srcdoc="{escape(page().to_html())}"></iframe></body>'
    script = """
    const frame = document.querySelector("iframe");
    const drawn = () => frame.contentDocument.querySelector(".sqnn section");
    for (let i = 0; i < 15 && !drawn(); i++) await new Promise((done) => setTimeout(done, 100));
    await new Promise((done) => setTimeout(done, 100));
    const inside = frame.contentDocument;
    told.theme = inside.querySelector(".sqnn").dataset.theme;
    told.inner = [inside.documentElement.scrollWidth, inside.documentElement.clientWidth];
    """
    told, console = pages.look(frame, tmp_path, script, 600, dark)
    assert console == ""
    assert told["theme"] == ("dark" if dark else "light")
    assert told["inner"][0] <= told["inner"][1] <= 400


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2.2."""

    def luminance(colour: str) -> float:
        levels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_can_be_read_in_both_schemes() -> None:
    style = read_asset("viewer.css")
    blocks = re.findall(r"\{([^}]*--ink:[^}]*)\}", style)
    schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block)) for block in blocks]
    assert len(schemes) == 2
    for colours in schemes:
        for text in ("ink", "muted", "accent", "positive", "negative", "pass", "fail"):
            for ground in ("page", "ground"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert contrast(colours["ground"], colours["accent"]) >= 4.5
