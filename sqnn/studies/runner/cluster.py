"""Independent tasks in this process, on the cores of this machine, or on a Dask cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from sqnn.core import is_whole

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10
"""How long a scheduler may take to answer."""
START_SECONDS = 120
"""How long the workers of this machine may take to start: they import PyTorch, perhaps from a slow disk."""
SILENT = logging.CRITICAL + 1
LOGGERS = ("distributed", "tornado", "asyncio")

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")
Function = Callable[[Shared, Task], Result]
Outcome = tuple[int, Result | Exception]
"""(number of the task, its value or the exception it failed by)."""


class ClusterError(ValueError):
    """No worker to compute on: one line saying which address was asked and how to fix it."""


def run_tasks(
    function: Function[Shared, Task, Result],
    shared: Sequence[Shared],
    tasks: Sequence[tuple[int, Task]],
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    threads: int = 1,
) -> Iterator[list[Outcome[Result]]]:
    """Yield outcomes as they come, some at a time: task (s, x) is `function(shared[s], x)`.

    They are computed by the cluster whose `scheduler` has this address (tcp://host:port), or else by `workers`
    processes of this machine (where None, as many as the cores hold of a task's `threads`; at most one per task), or
    one after the other in this process where `workers` is 0. A task whose worker dies is computed by another; one that
    fails has its exception for a value. Raises ClusterError where the scheduler does not answer or is lost.
    """
    if scheduler is None and workers == 0:
        for number, (which, task) in enumerate(tasks):
            yield [(number, _outcome(function, shared[which], task))]
        return
    import dask
    import distributed  # noqa: F401  # first, or its defaults would be forgotten with the setting below

    with contextlib.ExitStack() as stack:
        # A network's angles go into the graph on purpose; Dask would rather warn of a large one.
        stack.enter_context(dask.config.set({"distributed.admin.large-graph-warning-threshold": "10GB"}))
        if scheduler is None:
            client = stack.enter_context(
                _local_client(min(workers or max(1, dask.system.CPU_COUNT // threads), len(tasks)))
            )
        else:
            client = stack.enter_context(_client_of(scheduler))
        yield from _outcomes(client, function, shared, tasks)


def check_cluster(scheduler: str | None, workers: int | None) -> int | None:
    """Return how many workers the scheduler has, None where there is no scheduler.

    Raises ClusterError where `scheduler` is no address that answers or `workers` no number of processes.
    """
    if workers is not None and not (is_whole(workers) and workers >= 0):
        raise ClusterError(f"workers: got {workers!r}, expected a whole number of processes (0: none but this one)")
    if scheduler is None:
        return None
    if workers is not None:
        raise ClusterError(f"workers: got {workers} beside a scheduler, which has workers of its own; leave one out")
    if not isinstance(scheduler, str) or not scheduler.strip():
        raise ClusterError(f"scheduler: got {scheduler!r}, expected an address such as tcp://localhost:8786")
    with _silence(), ThreadPoolExecutor(1) as pool:
        # A thread of its own: in a notebook this one has a loop running. A Client that fails never falls silent.
        try:
            kind, count = pool.submit(asyncio.run, _identity(scheduler)).result()
        except Exception as error:  # another program may listen there and answer anything
            raise _no_scheduler(scheduler) from error
    if "Scheduler" not in kind:
        raise _no_scheduler(scheduler)
    return count


async def _identity(scheduler: str) -> tuple[str, int]:
    """Return what answers at an address, and how many workers it has."""
    from distributed import rpc
    from distributed.security import Security

    security = Security().get_connection_args("client")
    async with rpc(scheduler, timeout=CONNECT_SECONDS, connection_args=security) as remote:
        identity = await asyncio.wait_for(remote.identity(), CONNECT_SECONDS)
    return identity["type"], len(identity["workers"])


def _no_scheduler(address: str) -> ClusterError:
    return ClusterError(
        f"scheduler: no Dask scheduler answers at {address} within {CONNECT_SECONDS} s; expected the address that "
        f"`dask scheduler` prints, such as tcp://localhost:8786"
    )


def _outcome(function: Function[Shared, Task, Result], shared: Shared, task: Task) -> Result | Exception:
    try:
        return function(shared, task)
    except Exception as error:
        return error


def _outcomes(
    client: Client,
    function: Function[Shared, Task, Result],
    shared: Sequence[Shared],
    tasks: Sequence[tuple[int, Task]],
) -> Iterator[list[Outcome[Result]]]:
    from distributed import as_completed

    # Several sweeps may share a cluster. Dask takes the key up to its first number for the kind of a task, and
    # hands work from one worker to another by how long tasks of its kind take: holding is not measuring.
    name = uuid.uuid4().hex
    # Tasks, not scattered data: what a dead worker had is then made again from the graph, instead of being lost.
    shares = {
        which: client.submit(_hold, shared[which], key=f"sqnn_shared-{name}-{which}")
        for which in dict.fromkeys(which for which, _ in tasks)
    }
    numbers = {
        client.submit(function, shares[which], task, key=f"sqnn_cell-{name}-{number}"): number
        for number, (which, task) in enumerate(tasks)
    }
    for batch in as_completed(list(numbers), loop=client.loop, raise_errors=False).batches():
        outcomes = []
        for future in batch:
            if future.status in ("cancelled", "lost"):
                raise ClusterError(f"scheduler: {client.scheduler.address} is gone; start the sweep again to go on")
            value = future.result() if future.status == "finished" else future.exception()
            outcomes.append((numbers.pop(future), value))
        yield outcomes


def _hold(value: object) -> object:
    return value


@contextlib.contextmanager
def _client_of(scheduler: str) -> Iterator[Client]:
    from distributed import Client

    with _silence():
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except OSError as error:
            raise _no_scheduler(scheduler) from error
        with client:
            yield client


@contextlib.contextmanager
def _local_client(workers: int) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    with (
        _silence(),
        _script_left_alone(),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": ":0"},  # its port is any that is free, and nobody is told which
            memory_limit=None,  # engines keep to budgets of their own
            silence_logs=SILENT,
        ) as cluster,
        Client(cluster, timeout=START_SECONDS, set_as_default=False) as client,
    ):
        yield client


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Within the block Dask logs nothing: what matters comes as an outcome or an error."""
    import distributed  # noqa: F401  # it sets levels of its own when it is first imported

    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(SILENT)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _script_left_alone() -> Iterator[None]:
    """Within the block, new processes do not run the program's main file again.

    Python does so for functions that are defined there, which no cell needs; a script that calls a sweep
    without asking for `__name__ == "__main__"` would begin anew in each worker.
    """
    main = vars(sys.modules["__main__"])
    hidden: dict[str, object] = {name: main.pop(name) for name in ("__spec__", "__file__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)
