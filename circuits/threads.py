"""The number of threads that PyTorch computes with on the CPU: for a block, and for small work, gradients included.

Threads that wait for one another cost more than they bring where tensors are small: PyTorch shares cosines of 2,048
numbers and the smallest matrix products among all of them, and on a busy machine each such operation waits until the
last thread has had its turn on a core.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    Result = TypeVar("Result", Tensor, list[Tensor])

ONE_THREAD_WORK = 2**20
"""Most numbers, of a feature map or of a batch of states, that one thread handles alone."""


@contextlib.contextmanager
def computing_in(threads: int) -> Iterator[None]:
    """Within the block, PyTorch computes in so many threads; after it, in as many as before."""
    import torch

    before = torch.get_num_threads()
    if before != threads:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def when_small(work: int, call: Callable[..., Result], *inputs: Tensor) -> Result:
    """Return `call(*inputs)`, computed in one thread up to a `work` of ONE_THREAD_WORK numbers; so are its gradients.

    The backward pass takes its own number of threads again when the gradients of `inputs` are there, at the latest when
    it ends, be it in an error. GPUs and torch.compile are left alone.
    """
    import torch

    if torch.compiler.is_compiling() or torch.get_num_threads() == 1 or work > ONE_THREAD_WORK:
        return call(*inputs)
    if any(x.device.type != "cpu" for x in inputs):
        return call(*inputs)
    tracked = [k for k, x in enumerate(inputs) if x.requires_grad and torch.is_grad_enabled()]
    # Hooks on views: those on a leaf would stay with it after this call.
    views = [x.view_as(x) if k in tracked else x for k, x in enumerate(inputs)]
    with computing_in(1):
        result = call(*views)
    _mark([result] if isinstance(result, torch.Tensor) else result, [views[k] for k in tracked])
    return result


def _mark(results: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
    """Have the backward pass compute in one thread from any of the results to all of the inputs."""
    import torch
    from torch.autograd.graph import register_multi_grad_hook

    others: list[int] = []

    def enter(gradient: Tensor) -> None:
        threads = torch.get_num_threads()
        if threads > 1:
            others[:] = [threads]
            torch.autograd.Variable._execution_engine.queue_callback(_Restore(threads))  # type: ignore[attr-defined]
            torch.set_num_threads(1)

    def leave(gradients: object) -> None:
        if others:
            torch.set_num_threads(others.pop())

    for result in results:
        if result.requires_grad:
            result.register_hook(enter)
    if inputs:
        register_multi_grad_hook(inputs, leave)


class _Restore:
    """Sets the number of threads when it is dropped, as autograd drops its callbacks when a backward pass ends."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __call__(self) -> None:
        """Do nothing at the end of a pass without errors: what comes next is dropped in any case."""

    def __del__(self) -> None:
        import torch

        torch.set_num_threads(self.threads)
