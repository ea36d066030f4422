"""Settings for the whole suite."""

from __future__ import annotations

import os

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

# Laws are checked on drawn examples; how long one takes is not a law. The same examples every time.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

# One thread: the tensors are small, and results do not depend on how many cores a machine has.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Kernels for GPUs run on the CPU, number by number, where Triton is installed; it reads this when it is imported.
os.environ.setdefault("TRITON_INTERPRET", "1")

# Annotated shapes are checked wherever these rooms are imported from now on.
install_import_hook(["circuits.engines", "sqnn.neurons", "sqnn.encoding"], "shapes.check_shapes")

LONG = (
    "notebooks",
    "test_faults.py",
    "test_code_blocks.py",
    "test_cluster.py",
    "test_resume.py",
    "test_fit.py",
    "test_survival.py",
    "test_engines_agree.py",
    "test_files_of_record.py",
)
"""Files that take long begin first, so that no worker waits for another at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(name in item.path.parts for name in LONG))
