"""The kernels of `gpu.py`, in Triton: each program follows a block of neurons through all steps."""

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["time"])
def fire(
    currents, spikes, membranes, time, apart, count, decay, threshold, start,
    RESET: tl.constexpr, KEEP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Spikes of `time` steps and, to KEEP, the charged membranes; the currents of two steps lie `apart`."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = place < count
    v = tl.full((BLOCK,), 1.0, tl.float32) * start * threshold
    for _ in range(time):
        u = decay * v + tl.load(currents + place, mask=there, other=0.0)
        s = (u > threshold).to(tl.float32)
        tl.store(spikes + place, s, mask=there)
        if KEEP:
            tl.store(membranes + place, u, mask=there)
        if RESET == 0:
            v = u - threshold * s
        elif RESET == 1:
            v = u * (1 - s)
        else:
            v = u
        currents += apart
        spikes += count
        membranes += count


@triton.jit(do_not_specialize=["time"])
def back(
    g_spikes, g_membranes, membranes, g_currents, time, spikes_apart, membranes_apart, count, decay, threshold, flat,
    steep, RESET: tl.constexpr, DETACH: tl.constexpr, SPIKES: tl.constexpr, MEMBRANES: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """The gradient of the currents from those of the SPIKES and of the MEMBRANES, as far as there are some."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = place < count
    last = time.to(tl.int64) - 1
    membranes += last * count
    g_currents += last * count
    g_spikes += last * spikes_apart
    g_membranes += last * membranes_apart
    later = tl.zeros((BLOCK,), tl.float32)
    for _ in range(time):
        u = tl.load(membranes + place, mask=there, other=0.0)
        s = (u > threshold).to(tl.float32)
        received = tl.zeros((BLOCK,), tl.float32)
        if SPIKES:
            received += tl.load(g_spikes + place, mask=there, other=0.0)
        if RESET == 0 and not DETACH:
            received -= threshold * later
        if RESET == 1 and not DETACH:
            received -= later * u
        found = received / (flat + steep * (u - threshold) * (u - threshold))
        if RESET == 1:
            found += later * (1 - s)
        else:
            found += later
        if MEMBRANES:
            found += tl.load(g_membranes + place, mask=there, other=0.0)
        tl.store(g_currents + place, found, mask=there)
        later = found * decay
        membranes -= count
        g_currents -= count
        g_spikes -= spikes_apart
        g_membranes -= membranes_apart
