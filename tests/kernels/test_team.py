"""The threads that kernels share their work among, and keep from call to call."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from circuits import DataReupload
from circuits.engines.lightcone.compiled import kernel_of
from circuits.kernels import computes, kernels
from circuits.threads import computing_in

pytestmark = pytest.mark.skipif(kernels().library is None, reason=kernels().line)

FORKED = """
import os, torch
from tests.kernels.test_team import values
torch.set_num_threads(3)
before = values(0)
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(values(0), before) else 1)
assert os.waitpid(child, 0)[1] == 0
assert torch.equal(values(0), before)
"""


def values(seed: int) -> Tensor:
    kernel = kernel_of(DataReupload(n_qubits=5, n_blocks=3))
    generator = torch.Generator().manual_seed(seed)
    inputs, weights = torch.rand(200, 15, generator=generator), torch.rand(3, 5, 3, generator=generator)
    assert kernel is not None
    assert computes(inputs, weights)
    return kernel.values(inputs, weights, False)[0]


def test_a_forked_process_has_threads_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_calls_at_once_do_not_meet() -> None:
    wanted = [values(seed) for seed in range(4)]
    with computing_in(3), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(values, [seed % 4 for seed in range(400)]))
    assert all(torch.equal(one, wanted[number % 4]) for number, one in enumerate(found))
