"""The threads that kernels share their work among, and keep from call to call."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

import circuits.kernels
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


SHARED = """
#include <chrono>
#include <set>

#include "threads.h"

int main() {
  std::set<std::thread::id> seen;
  std::mutex mutex;
  std::atomic<int> done[8] = {};
  const auto work = [&](int64_t first, int64_t last) {
    for (int64_t group = first; group < last; group++) done[group]++;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::lock_guard<std::mutex> lock(mutex);
    seen.insert(std::this_thread::get_id());
    if (done[7] == 1 && last == 8) throw 1;
  };
  const int alone = sqnn::share(7, 1, work), threads = (int)seen.size();
  const int failed = sqnn::share(8, 2, work);
  for (int group = 0; group < 8; group++)
    if (done[group] != (group < 7 ? 2 : 1)) return 10 + group;
  std::_Exit(alone != 0 || threads != 1 ? 1 : failed != 1 ? 2 : seen.size() != 2 ? 3 : 0);
}
"""


def test_two_threads_do_every_group_once_and_say_what_failed(tmp_path: Path) -> None:
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no compiler by its usual name")
    source, program = tmp_path / "shared.cpp", tmp_path / "shared"
    source.write_text(SHARED)
    headers = Path(circuits.kernels.__file__).parent
    subprocess.run([compiler, "-std=c++17", "-pthread", f"-I{headers}", source, "-o", program], check=True, timeout=120)
    assert subprocess.run([program], timeout=60, check=False).returncode == 0
