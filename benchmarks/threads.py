"""Times in one thread and in as many as PyTorch takes by itself, in turns, while other processes keep the cores busy.

python benchmarks/threads.py --busy 4
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

import sqnn
from circuits import ReuploadLayer, computing_in, threads
from sqnn.bench import take_turns

BUSY = "while True: pass"
BATCH = 128


def circuit(n_blocks: int, noise: str | None = None) -> Callable[[], object]:
    """Return the forward and backward pass of a circuit of 9 qubits."""
    layer = ReuploadLayer(9, n_blocks, noise=noise)
    inputs = torch.rand(BATCH, 27, requires_grad=True)
    return lambda: layer(inputs).sum().backward()


def front_end(side: int, batch: int) -> Callable[[], object]:
    """Return the forward and backward pass of SQDR-CNN's front-end on images of this side in pixels."""
    model = sqnn.create_model("sqdr-cnn", in_channels=1, image_size=(side, side), num_classes=10)
    images = torch.rand(batch, 1, side, side)
    return lambda: model.angles(images).sum().backward()


def epoch(threads: int | str) -> Callable[[], object]:
    """Return an epoch of the demo, its evaluation and files included."""
    data = sqnn.load_data("digits")

    def train() -> None:
        with tempfile.TemporaryDirectory() as folder:
            model = sqnn.create_model("sqdr-cnn", data)
            sqnn.fit(model, data, epochs=1, batch_size=32, out=Path(folder) / "run", progress=False, threads=threads)

    return train


def in_threads(number: int, call: Callable[[], object]) -> Callable[[], object]:
    """Return the call, made where PyTorch takes so many threads."""

    def run() -> None:
        with computing_in(number):
            call()

    return run


def main() -> None:
    """Print milliseconds of each computation: one thread, default, and default without the bound on small work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, default=4, help="processes that compute beside this one")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds of each timing")
    parser.add_argument("--only", default="", help="only what has this in its name")
    parser.add_argument("--unbound", action="store_true", help="time without the bound on small work, too")
    options = parser.parse_args()
    default = torch.get_num_threads()
    works = {
        "circuit, 2 blocks": (circuit(2),) * 2,
        "circuit, 3 blocks": (circuit(3),) * 2,
        "circuit, 2 blocks, noise": (circuit(2, "depolarizing:0.01"),) * 2,
        "front-end, 8x8, batch 32": (front_end(8, 32),) * 2,
        "front-end, 8x8, batch 128": (front_end(8, 128),) * 2,
        "front-end, 28x28, batch 128": (front_end(28, 128),) * 2,
        "epoch of the demo": (epoch(1), epoch("auto")),
    }
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(options.busy)]
    try:
        for name, (single, usual) in works.items():
            if options.only not in name:
                continue
            for bound in (threads.ONE_THREAD_WORK, 0) if options.unbound else (threads.ONE_THREAD_WORK,):
                threads.ONE_THREAD_WORK = bound
                one, other = take_turns([in_threads(1, single), in_threads(default, usual)], options.budget)
                print(
                    f"{options.busy} busy, {name}{'' if bound else ', unbound'}: 1 thread {one.median * 1e3:.2f} ms "
                    f"[{one.lower * 1e3:.2f}, {one.upper * 1e3:.2f}], default ({default}) {other.median * 1e3:.2f} ms "
                    f"[{other.lower * 1e3:.2f}, {other.upper * 1e3:.2f}], ratio {other.median / one.median:.2f}",
                    flush=True,
                )
                threads.ONE_THREAD_WORK = 2**20
    finally:
        for process in others:
            process.kill()


if __name__ == "__main__":
    main()
