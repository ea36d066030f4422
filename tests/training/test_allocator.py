"""Kept memory: the second large tensor lies where the first one was, and the numbers stay what they were."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from sqnn.training import keep_freed_memory
assert {keep}
faults = []
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(30_000_000).sum()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(faults[-1])
"""


def last_faults(keep: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(keep=keep)], capture_output=True, text=True, check=True, timeout=120
    )
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_a_block_of_120_mib_is_not_fetched_from_the_system_again() -> None:
    # Without it, each such tensor touches 29,000 fresh pages of 4 KiB (or 58 of 2 MiB where the system has large ones).
    kept, default = last_faults("keep_freed_memory()"), last_faults("True")
    assert kept <= 5
    assert default > 10 * max(kept, 1)
