"""The number of threads: what `auto` chooses, and that it is the old one again after a block."""

from __future__ import annotations

import pytest
import torch

from sqnn.core import ConfigError, check_threads, computing_in, cores, threads_for
from sqnn.core.threads import ONE_THREAD_WORK, WORK_PER_THREAD


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sqnn.core.threads.cores", lambda: 2)
    with computing_in(2):
        yield


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sqnn.core.threads.cores", lambda: 64)
    with computing_in(64):
        yield


@pytest.mark.parametrize(
    ("work", "threads"),
    [(0, 1), (ONE_THREAD_WORK, 1), (ONE_THREAD_WORK + 1, 4), (10 * WORK_PER_THREAD, 10), (2**40, 64)],
)
def test_auto_goes_by_the_size_of_the_work(many_cores, work: int, threads: int) -> None:
    assert threads_for(work) == threads


def test_auto_takes_no_more_than_the_cores_and_what_pytorch_takes(two_cores) -> None:
    assert threads_for(2**40) == 2
    with computing_in(1):
        assert threads_for(2**40) == 1
    with computing_in(16):
        assert threads_for(2**40) == 2


def test_a_number_is_taken_as_it_is(two_cores) -> None:
    assert [threads_for(work, 3) for work in (1, 2**40)] == [3, 3]
    assert check_threads("3") == 3
    assert check_threads("auto") == "auto"


@pytest.mark.parametrize("value", [0, -1, 1.5, "0", "two", "", "-1", True, None])
def test_anything_else_is_refused_in_one_line(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^threads: got .*, expected auto or a whole number from 1 to 1,024$"):
        check_threads(value)


def test_the_number_is_the_old_one_after_a_block_and_after_an_error() -> None:
    before = torch.get_num_threads()
    with computing_in(before + 1), computing_in(before + 2):
        assert torch.get_num_threads() == before + 2
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), computing_in(before + 1):
        raise KeyError
    assert torch.get_num_threads() == before


def test_cores_are_those_of_the_process() -> None:
    assert cores() >= 1
