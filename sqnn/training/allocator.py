"""Memory that the C library keeps from one training step to the next."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Names of mallopt's parameters, from glibc's malloc.h."""
KEEP = 2**31 - 1
"""Bytes of free memory at the end of the heap above which glibc hands it back: the largest it takes, 2 GiB."""


def keep_freed_memory() -> bool:
    """Ask glibc to serve large blocks from its heap and to keep them when they are freed; say whether it agreed.

    By default every tensor above 32 MiB is a mapping of its own, which the system must fill with zeros at every step
    anew: up to half the time of a step with many large tensors. The price is that freed memory stays with the process.
    Other C libraries are left as they are; numbers do not depend on it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, KEEP))
