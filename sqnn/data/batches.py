"""Batches by position in memory, in an order that depends on the seed and the number of the epoch alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from sqnn.data.augmentation import batch_generator
from sqnn.data.split import Split

Batch = tuple[Tensor, Tensor]
Change = Callable[[Tensor, torch.Generator, int], Tensor]
"""Gives the images of a batch of an epoch changed at random, by draws from the generator."""
MAX_BATCH = 1_000_000
MOST_EPOCHS = 2**31 - 1
"""Largest number of epochs that can be given."""


def epoch_order(size: int, seed: int, epoch: int) -> Tensor:
    """Return a permutation of `range(size)` that depends on `(seed, epoch)` and nothing else."""
    # Mixing, rather than adding, keeps the epochs of neighbouring seeds from repeating one another.
    mixed = int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])
    return torch.randperm(size, generator=torch.Generator().manual_seed(mixed))


def cut(order: Tensor, batch_size: int) -> list[Tensor]:
    """Cut `order` into batches of `batch_size` and a last, smaller one.

    A last batch of one image would break batch normalisation, so it joins the batch before it: every image is
    used in every epoch, and only that batch is one larger.
    """
    parts = list(torch.split(order, batch_size))
    if batch_size > 1 and len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


class EpochBatches(Sampler[Tensor]):
    """Positions of each batch of the epoch that `set_epoch` chose; shuffled by `seed`, in order if None."""

    def __init__(self, size: int, batch_size: int, seed: int | None) -> None:
        self.size, self.batch_size, self.seed = size, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch's order comes next; Lightning calls this before every epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Tensor]:
        if self.seed is None:
            order = torch.arange(self.size)
        else:
            order = epoch_order(self.size, self.seed, self.epoch)
        yield from cut(order, self.batch_size) if self.size else ()

    def __len__(self) -> int:
        return len(cut(torch.arange(self.size), self.batch_size)) if self.size else 0


class BatchView(Dataset[Batch]):
    """A split addressed by many positions at once: one tensor operation per batch, none per image."""

    def __init__(self, split: Split) -> None:
        self.split = split

    def __getitem__(self, index: Tensor) -> Batch:
        return self.split.floats(index), self.split.labels[index]

    def __len__(self) -> int:
        return len(self.split)


class ResumableLoader(DataLoader[Batch]):
    """A loader that a checkpoint taken in mid-epoch can continue at the very next batch.

    Its state is the epoch and the number of batches already given out in it. A state is honoured only if the
    next epoch to run is the one it was taken in, so a checkpoint from an epoch's end skips nothing.

    `change` changes the images; what becomes of a batch depends on `seed`, the epoch and the batch's place in it alone.
    """

    def __init__(self, *args: Any, change: Change | None = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.change, self.seed = change, seed
        self._progress = {"epoch": 0, "batches": 0}
        self._resume: dict[str, int] | None = None

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # torch names its own private iterator class
        # A generator starts at its first `next`: Lightning may create it before it sets the epoch.
        epoch = self.sampler.epoch if isinstance(self.sampler, EpochBatches) else 0
        resume, self._resume = self._resume, None
        skip = resume["batches"] if resume is not None and resume["epoch"] == epoch else 0
        for at, (images, labels) in enumerate(super().__iter__()):
            if at >= skip:
                self._progress = {"epoch": epoch, "batches": at + 1}
                if self.change is not None:
                    images = self.change(images, batch_generator(self.seed, epoch, at), epoch)
                yield images, labels

    def state_dict(self) -> dict[str, int]:
        """Return the position that `load_state_dict` continues from."""
        return dict(self._progress)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from a position that `state_dict` returned, if the next epoch is still that one."""
        self._resume = dict(state)


def batch_loader(split: Split, batch_size: int, seed: int | None, change: Change | None = None) -> ResumableLoader:
    """Return the loader of `split`: shuffled by `(seed, epoch)`, or in order if `seed` is None.

    The sampler already yields whole batches, so the loader's own batching is off. It gets a generator of its
    own because a loader without one advances torch's global generator at the start of every epoch.
    """
    return ResumableLoader(
        BatchView(split),
        batch_size=None,
        sampler=EpochBatches(len(split), batch_size, seed),
        collate_fn=_unchanged,
        generator=torch.Generator().manual_seed(seed or 0),
        change=change,
        seed=seed or 0,
    )


def _unchanged(batch: Batch) -> Batch:
    return batch
