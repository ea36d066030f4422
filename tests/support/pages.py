"""A small data set and network to make pages of, and a headless browser to look at them with."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import explained
import numpy as np
import torch
from torch import nn

from sqnn.data import ImageData
from sqnn.explain.report.pack import Packed

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--virtual-time-budget=2000"),
    *("--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)
TYPES = {"u8": "<u1", "i16": "<i2", "i32": "<i4", "f32": "<f4"}
CONSOLE = re.compile(r"CONSOLE[:(](?!.*willReadFrequently).*")


def small_data(count: int = 60, side: int = 6) -> ImageData:
    """Random pictures of three classes, of which each lights another third of its rows."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(count) % 3
    pixels = torch.rand(count, 1, side, side, generator=generator)
    rows = torch.arange(side).view(1, 1, side, 1) // (side // 3) == labels.view(-1, 1, 1, 1)
    return ImageData.from_arrays(pixels * (0.2 + 0.8 * rows), labels, classes=("a", "b", "c"), name="thirds")


def small_network(**options: object) -> nn.Module:
    """An SQDR-CNN of 3 qubits for these pictures."""
    return explained.sqdr(**options).float()


def look(
    page: str, folder: Path, script: str = "", width: int = 1280, dark: bool = False
) -> tuple[dict[str, Any], str]:
    """Open a page in a headless browser, run a script in it, and return what that left in `told`, and the console.

    The script is the body of an async function that fills the object `told`.
    """
    tail = (
        '<script type="module">const told = {width: document.documentElement.scrollWidth};'
        f"await (async () => {{ {script} }})();"
        'const place = document.createElement("pre"); place.id = "told"; place.textContent = JSON.stringify(told);'
        "document.body.append(place);</script></body>"
    )
    file = folder / "page.html"
    file.write_text(page.replace("</body>", tail), encoding="utf-8")
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run(
        [str(BROWSER), *FLAGS, *scheme, f"--user-data-dir={folder}/browser", f"--window-size={width},900",
         "--enable-logging=stderr", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    text = found[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    return json.loads(text), "\n".join(CONSOLE.findall(done.stderr))


def unpacked(packed: Packed) -> np.ndarray:
    """What the viewer reads, in Python."""
    raw = base64.b64decode(packed["data"])
    size = int(np.prod(packed["shape"]))
    if packed["dtype"] == "bits":
        values = np.unpackbits(np.frombuffer(raw, np.uint8))[:size].astype(float)
    else:
        values = np.frombuffer(raw, TYPES[packed["dtype"]]).astype(float)
    return (values * packed.get("scale", 1.0)).reshape(packed["shape"])
