"""The pass that peers on JAX share: compiled ahead of time, on as many threads as PyTorch computes with."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sqnn.bench.peers.peer import Pass

if TYPE_CHECKING:
    from circuits import DataReupload

Array = Any
"""An array of JAX or of TensorCircuit's backend, none of which need be installed."""
Build = Callable[["DataReupload", str], Callable[[Array, Array], Array]]
"""Circuit and complex dtype to a function of arrays: inputs [batch, 3 n_qubits], weights to <Z> [batch, n_qubits]."""


def jax_pass(build: Build, circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Pass:
    """Return the pass of a function of JAX arrays: `jax.jit` of `jax.value_and_grad`, compiled before it is run.

    It runs where the tensors are, on the CPU or on that GPU, and JAX is asked to multiply in full precision: by default
    it rounds to ten bits, on a GPU, what it multiplies.
    """
    double, threads, place = inputs.dtype == torch.float64, torch.get_num_threads(), inputs.device
    compiled, seconds = _compile(build, circuit, inputs.shape[0], double, threads, place)
    jax = _jax(threads)
    with _precision(jax, double):
        arrays = [jax.device_put(tensor.detach().cpu().numpy(), _device(jax, place)) for tensor in (inputs, weights)]

    def run() -> tuple[Array, ...]:
        (_, values), gradients = compiled(*arrays)
        return jax.block_until_ready((values, *gradients))  # type: ignore[no-any-return]

    return Pass(run, seconds)


def without_gpu() -> bool:
    """Whether JAX computes on no GPU here: it is not installed, was built for CPUs, or there is none."""
    try:
        _device(_jax(torch.get_num_threads()), torch.device("cuda"))
    except (ImportError, RuntimeError):  # the latter is JAX's answer where it knows no such device
        return True
    return False


@lru_cache(maxsize=2)  # the pieces of one batch share what was compiled
def _compile(
    build: Build, circuit: DataReupload, batch: int, double: bool, threads: int, place: torch.device
) -> tuple[Callable[..., Array], float]:
    """Return the compiled pass, and the seconds that tracing and compiling it took."""
    jax = _jax(threads)
    dtype = np.float64 if double else np.float32
    device = _device(jax, place)
    where = jax.sharding.SingleDeviceSharding(device)
    sizes = (batch, circuit.n_inputs), circuit.weight_shape
    shapes = [jax.ShapeDtypeStruct(size, dtype, sharding=where) for size in sizes]
    with _precision(jax, double), jax.default_device(device), jax.default_matmul_precision("highest"):
        start = time.perf_counter()
        evaluate = build(circuit, "complex128" if double else "complex64")

        def total(inputs: Array, weights: Array) -> tuple[Array, Array]:
            values = evaluate(inputs, weights)
            return values.sum(), values

        gradients = jax.value_and_grad(total, argnums=(0, 1), has_aux=True)
        compiled = jax.jit(gradients).lower(*shapes).compile()
    return compiled, time.perf_counter() - start


def _jax(threads: int) -> ModuleType:
    """Import JAX; its first import fixes the number of its threads.

    XLA makes as many threads as NPROC says, and Eigen splits no operation between threads where there is one. Of a
    GPU's memory it takes what it needs, and leaves the rest to PyTorch.
    """
    os.environ.setdefault("NPROC", str(threads))
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    flags = os.environ.get("XLA_FLAGS", "")
    if threads == 1 and "multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    import jax

    return jax


def _device(jax: ModuleType, place: torch.device) -> Array:
    """Return JAX's name of a CPU or GPU. Raises RuntimeError where JAX has none."""
    return jax.devices("gpu" if place.type == "cuda" else place.type)[place.index or 0]


def _precision(jax: ModuleType, double: bool) -> contextlib.AbstractContextManager[None]:
    # JAX moved it out of its experiments in version 0.8.
    enable: Callable[[bool], contextlib.AbstractContextManager[None]] = (
        jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    )
    return enable(double)
