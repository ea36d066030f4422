"""Batches: each image once an epoch, an order that only (seed, epoch) decides, and exact resumption."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sqnn.data import DataError, ImageData, ImageDataModule, Split

SIZE = 23
BATCH = 5
PER_EPOCH = 5


def _numbered(count: int, start: int = 0) -> Split:
    levels = torch.arange(start, start + count, dtype=torch.uint8)
    return Split(levels.reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous(), levels.long() % 4)


def _module(size: int = SIZE, **arguments: Any) -> ImageDataModule:
    data = ImageData("toy", _numbered(size), _numbered(11, 100), _numbered(13, 200), ("a", "b", "c", "d"))
    return ImageDataModule(data, **{"batch_size": BATCH, "eval_batch_size": 4, **arguments})


def _numbers(images: Tensor) -> list[int]:
    return (images[:, 0, 0, 0] * 255).round().long().tolist()


def _epoch(module: ImageDataModule, epoch: int) -> list[list[int]]:
    loader = module.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return [_numbers(images) for images, _ in loader]


@given(size=st.integers(1, 120), batch_size=st.integers(1, 40), epoch=st.integers(0, 5))
def test_an_epoch_is_a_partition_without_lonely_images(size: int, batch_size: int, epoch: int) -> None:
    module = _module(size, batch_size=batch_size)
    batches = _epoch(module, epoch)
    assert sorted(chain(*batches)) == list(range(size))
    assert len(module.train_dataloader()) == len(batches)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    if batch_size > 1 and size > 1:
        assert 1 < len(batches[-1]) <= batch_size + 1


@given(seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 10_000))
def test_order_depends_on_seed_and_epoch_and_nothing_else(seed: int, epoch: int) -> None:
    torch.manual_seed(seed % 1000)
    first = _epoch(_module(seed=seed), epoch)
    torch.manual_seed(77)
    assert _epoch(_module(seed=seed), epoch) == first
    assert _epoch(_module(seed=seed), epoch + 1) != first
    assert _epoch(_module(seed=(seed + 1) % 2**32), epoch) != first


def test_neighbouring_seeds_do_not_share_epochs() -> None:
    assert _epoch(_module(seed=0), 1) != _epoch(_module(seed=1), 0)


def test_images_keep_their_labels_and_evaluation_keeps_order() -> None:
    module = _module()
    for images, labels in module.train_dataloader():
        assert images.dtype == torch.float32
        assert [number % 4 for number in _numbers(images)] == labels.tolist()
    for loader, start, count in (
        (module.val_dataloader(), 100, 11),
        (module.test_dataloader(), 200, 13),
        (module.predict_dataloader(), 200, 13),
        (module.loader("train"), 0, SIZE),
    ):
        in_order = list(chain.from_iterable(_numbers(images) for images, _ in loader))
        assert in_order == list(range(start, start + count))


def test_iterating_leaves_the_global_generator_alone() -> None:
    module = _module()
    before = torch.get_rng_state()
    for loader in (module.train_dataloader(), module.val_dataloader(), module.test_dataloader()):
        list(loader)
    assert torch.equal(torch.get_rng_state(), before)


class Recorder(pl.LightningModule):
    """Notes which images each training step receives, and can stop as if the machine had died."""

    def __init__(self, die_after: int | None = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[list[int]] = []
        self.predicted: list[int] = []
        self.die_after = die_after

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        if len(self.seen) == self.die_after:
            raise RuntimeError("power cut")
        self.seen.append(_numbers(batch[0]))
        return self.weight * batch[0].mean()

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        self.log("level", batch[0].mean())

    def predict_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        self.predicted += _numbers(batch[0])
        return batch[1]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def _trainer(epochs: int, folder: Path, **arguments: Any) -> pl.Trainer:
    return pl.Trainer(
        max_epochs=epochs,
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **arguments,
    )


def _uninterrupted(tmp_path: Path, **arguments: Any) -> list[list[int]]:
    whole = Recorder()
    _trainer(3, tmp_path / "whole", enable_checkpointing=False, **arguments).fit(whole, _module())
    return whole.seen


def test_a_trainer_runs_the_epochs_that_the_sampler_promises(tmp_path: Path) -> None:
    assert _uninterrupted(tmp_path) == [batch for epoch in range(3) for batch in _epoch(_module(), epoch)]


@pytest.mark.parametrize("limit", [1.0, 3])
def test_resuming_at_an_epochs_end_continues_the_same_order(tmp_path: Path, limit: float) -> None:
    trainer = _trainer(1, tmp_path, enable_checkpointing=False, limit_train_batches=limit)
    trainer.fit(Recorder(), _module())
    trainer.save_checkpoint(tmp_path / "epoch.ckpt")
    resumed = Recorder()
    _trainer(3, tmp_path, enable_checkpointing=False, limit_train_batches=limit).fit(
        resumed, _module(), ckpt_path=tmp_path / "epoch.ckpt", weights_only=False
    )
    whole = _uninterrupted(tmp_path, limit_train_batches=limit)
    assert resumed.seen == whole[len(whole) // 3 :]


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
@pytest.mark.parametrize("finished", [2, PER_EPOCH + 3, 2 * PER_EPOCH])
def test_resuming_within_an_epoch_continues_at_the_next_batch(tmp_path: Path, finished: int) -> None:
    checkpoint = pl.callbacks.ModelCheckpoint(tmp_path, "step", every_n_train_steps=1, enable_version_counter=False)
    with pytest.raises(RuntimeError, match="power cut"):
        _trainer(3, tmp_path, callbacks=[checkpoint]).fit(Recorder(die_after=finished), _module())
    resumed = Recorder()
    _trainer(3, tmp_path, callbacks=[checkpoint]).fit(
        resumed, _module(), ckpt_path=tmp_path / "step.ckpt", weights_only=False
    )
    assert resumed.seen == _uninterrupted(tmp_path)[finished:]


def test_prediction_goes_once_through_the_test_images_in_order(tmp_path: Path) -> None:
    model = Recorder()
    _trainer(1, tmp_path).predict(model, _module())
    assert model.predicted == list(range(200, 213))


@pytest.mark.filterwarnings("ignore:Total length of `list` across ranks is zero")
def test_training_runs_without_a_validation_part(tmp_path: Path) -> None:
    full = _module().data
    module = ImageDataModule(full.subset(validation=0), batch_size=BATCH)
    model = Recorder()
    _trainer(1, tmp_path, enable_checkpointing=False).fit(model, module)
    assert model.seen == _epoch(_module(), 0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"eval_batch_size": 2.0}, "eval_batch_size: got 2.0"),
        ({"seed": -1}, "seed: got -1"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        _module(**arguments)
    with pytest.raises(DataError, match="split: got 'tests', expected one of train"):
        _module().loader("tests")
    with pytest.raises(DataError, match="data: got list, expected an ImageData"):
        ImageDataModule([1, 2])  # type: ignore[arg-type]
