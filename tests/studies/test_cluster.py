"""Sweeps that are killed, and sweeps on other processes: the rows are those of an undisturbed one in this process."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import distributed  # noqa: F401  # it sets the levels of some loggers when it is first imported
import psutil
import pytest
from sweeps import assert_same_rows

import sqnn
from sqnn.studies import ClusterError, ResultsTable, SweepFrame, run_tasks
from sqnn.studies.noise_sweep.cells import Task
from sqnn.studies.runner import cluster

# A copy of this process needs no time to import anything.
FORK = multiprocessing.get_context("fork")
SWEEP = {"noise": "depolarizing,paper", "strength": "0:0.5:0.05", "shots": 50, "seeds": 2}
CELLS = 2 * 2 * 11 * 2
"""Networks, noises, strengths, draws."""
PATIENCE = 120
"""Seconds that a process may take to start, on a machine with much else to do."""


@pytest.fixture(scope="module")
def undisturbed(networks, digits) -> SweepFrame:
    frame = sqnn.noise_sweep(networks, digits, **SWEEP, workers=0, progress=False)
    assert len(frame) == CELLS
    return frame


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.001)


def worker_processes(of: int) -> list[psutil.Process]:
    """The processes that Dask started for this one to compute."""
    found = []
    for child in psutil.Process(of).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child] if "spawn_main" in " ".join(child.cmdline()) else []
    return found


def test_a_killed_sweep_ends_as_if_undisturbed(networks, digits, undisturbed, tmp_path: Path) -> None:
    """Killed six times, each time behind some rows; started again by the same call."""
    table = ResultsTable(tmp_path / "rows.csv")
    arguments = {**SWEEP, "table": table.path, "workers": 0, "progress": False}
    for number in range(6):
        before = len(table.rows())
        process = FORK.Process(target=sqnn.noise_sweep, args=(networks, digits), kwargs=arguments)
        process.start()
        wait_until(lambda rows=before + 2 + number: len(table.rows()) >= rows)
        time.sleep(0.003 * number)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert before + 2 <= len(table.rows()) < CELLS, "it was not killed in between"
    assert_same_rows(sqnn.noise_sweep(networks, digits, **arguments), undisturbed)
    assert_same_rows(table.read(), undisturbed, order=False)


def test_two_sweeps_at_once_share_a_table(networks, digits, undisturbed, tmp_path: Path) -> None:
    arguments = {**SWEEP, "table": tmp_path / "rows.csv", "workers": 0, "progress": False}
    other = FORK.Process(target=sqnn.noise_sweep, args=(networks, digits), kwargs=arguments)
    other.start()
    assert_same_rows(sqnn.noise_sweep(networks, digits, **arguments), undisturbed)
    other.join()
    assert other.exitcode == 0
    assert_same_rows(ResultsTable(tmp_path / "rows.csv").read(), undisturbed, order=False)


def test_a_killed_worker_loses_nothing(networks, digits, undisturbed, tmp_path: Path, capfd) -> None:
    """The rows of a process that is killed in the middle, and of the one in its place, are those of this process."""
    table = ResultsTable(tmp_path / "rows.csv")
    killed: list[int] = []

    def kill() -> None:
        wait_until(lambda: len(table.rows()) >= 5)
        for worker in worker_processes(os.getpid()):
            worker.kill()
            killed.append(worker.pid)
        finished.append(len(table.rows()))

    finished: list[int] = []
    killer = threading.Thread(target=kill)
    killer.start()
    levels = [logging.getLogger(name).level for name in cluster.LOGGERS]
    main = vars(sys.modules["__main__"]).copy()
    frame = sqnn.noise_sweep(networks, digits, **SWEEP, table=table.path, workers=1, progress=False)
    killer.join()
    assert len(killed) == 1
    assert finished[0] < CELLS, "there was nothing left to be lost"
    assert_same_rows(frame, undisturbed)
    assert_same_rows(table.read(), undisturbed, order=False)
    assert worker_processes(os.getpid()) == []
    assert levels == [logging.getLogger(name).level for name in cluster.LOGGERS]
    assert vars(sys.modules["__main__"]) == main
    assert capfd.readouterr() == ("", ""), "Dask talks"


def test_a_port_in_use_is_not_talked_about(capfd) -> None:
    """Dask's own server asks for port 8787, where another sweep or a user's dashboard may be."""
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # somebody has it already
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with cluster._local_client(0):
                pass
        assert [str(warning.message) for warning in said if "Port" in str(warning.message)] == []
    assert capfd.readouterr() == ("", "")


@contextlib.contextmanager
def separate_cluster(folder: Path, workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Address and process of a scheduler with workers, all of them started from the command line."""
    file = folder / "scheduler.json"
    shared = ["--scheduler-file", str(file)]
    dask = [sys.executable, "-m", "dask"]
    commands = [[*dask, "scheduler", "--port", "0", "--dashboard-address", ":0", "--no-show", *shared]]
    commands += [[*dask, "worker", "--nthreads", "1", "--no-dashboard", *shared]] * workers
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    processes = [subprocess.Popen(command, **quiet) for command in commands]
    try:
        wait_until(lambda: file.exists() and '"tcp://' in file.read_text())
        address = file.read_text().split('"address": "')[1].split('"')[0]
        wait_until(lambda: cluster.check_cluster(address, None) == workers)
        yield address, processes[0]
    finally:
        for process in processes:
            for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
                child.kill()
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of separate processes with two workers."""
    with separate_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as (address, _):
        yield address


def test_a_cluster_is_reached_by_its_address(networks, digits, undisturbed, scheduler: str, tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    options = {"table": table, "scheduler": scheduler, "progress": False}
    sqnn.noise_sweep(networks, digits, **{**SWEEP, "noise": "paper"}, **options)
    assert_same_rows(sqnn.noise_sweep(networks, digits, **SWEEP, **options), undisturbed)
    assert_same_rows(ResultsTable(table).read(), undisturbed, order=False)


def test_a_task_that_fails_is_its_own_outcome(scheduler: str) -> None:
    def half(shared: int, value: int) -> float:
        if value % 2:
            raise ValueError(f"{value} is odd")
        return shared + value / 2

    def outcomes(**options: object) -> dict[int, object]:
        tasks = [(value % 2, value) for value in range(6)]
        return {
            number: repr(value) for batch in run_tasks(half, [100, 200], tasks, **options) for number, value in batch
        }

    assert outcomes(scheduler=scheduler) == outcomes(workers=0)
    assert outcomes(workers=0)[3] == "ValueError('3 is odd')"
    assert outcomes(workers=0)[4] == "102.0"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "bogus", "", "tcp://localhost", "ftp://x:1", ":::"])
def test_a_scheduler_that_does_not_answer_is_one_line(
    networks, digits, tmp_path: Path, monkeypatch, address: str
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"^scheduler: ") as caught:
        sqnn.noise_sweep(networks[0], digits, table=tmp_path / "rows.csv", scheduler=address)
    assert "tcp://localhost:8786" in str(caught.value)
    assert time.monotonic() - began < 20
    assert list(tmp_path.iterdir()) == []


def test_a_worker_is_no_scheduler(scheduler: str) -> None:
    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        (first, *_) = client.scheduler_info()["workers"]
    with pytest.raises(ClusterError, match="no Dask scheduler answers"):
        cluster.check_cluster(first, None)


SCRIPT = """
    import sys
    import sqnn
    # No question for __name__ here: a worker that ran this again would never end.
    data = sqnn.load_data("digits").subset(train=200, validation=40, test=60)
    networks = [sqnn.create_model("sqdr-cnn", data, seed=s, channels=(2, 3), n_qubits=3) for s in range(2)]
    print("begun", flush=True)
    sqnn.noise_sweep(networks, data, {sweep}, table=sys.argv[1], workers=2)
"""


@pytest.mark.slow
def test_a_killed_script_leaves_no_worker_and_goes_on(networks, digits, undisturbed, tmp_path: Path) -> None:
    """The whole of it: an unguarded script with workers of its own, killed in the middle and started again."""
    table = ResultsTable(tmp_path / "rows.csv")
    words = ", ".join(f"{name}={value!r}" for name, value in SWEEP.items())
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).format(sweep=words))
    command = [sys.executable, str(script), str(table.path)]
    for number in (1, 2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            wait_until(lambda rows=10 * number: len(table.rows()) >= rows or process.poll() is not None)
            workers = worker_processes(process.pid)
            process.kill()
            printed = process.stdout.read()
        assert process.returncode == -signal.SIGKILL, printed
        assert printed.count("begun") == 1, "a worker ran the script again"
        assert len(workers) == 2
        wait_until(lambda left=tuple(workers): not any(worker.is_running() for worker in left))
        assert len(table.rows()) < CELLS
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert_same_rows(table.read(), undisturbed, order=False)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_stopped_leaves_no_worker_and_goes_on(networks, digits, tmp_path: Path, number: int) -> None:
    """To the command alone, as a scheduler of a cluster sends it: its workers do not get the signal."""
    sqnn.save_model(networks[0], tmp_path / "network.safetensors")
    words = (
        "noise-sweep network.safetensors --data digits --noise depolarizing --strength 0:0.5:0.02 --shots 50 --seeds 8"
    )
    command = [sys.executable, "-m", "sqnn", *words.split(), "--workers", "2", "--no-progress", "--out", "swept"]
    table = ResultsTable(tmp_path / "swept" / "rows.csv")
    environment = {**os.environ, "PYTHONPATH": str(Path(sqnn.__file__).parents[1])}
    shared = {"cwd": tmp_path, "env": environment, "text": True}
    with subprocess.Popen(command, **shared, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until(lambda: len(table.rows()) >= 10 or process.poll() is not None)
        workers = worker_processes(process.pid)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number, said
    assert len([line for line in said.splitlines() if line]) == 1, said
    assert "goes on with the same command" in said
    assert len(workers) == 2
    wait_until(lambda: not any(worker.is_running() for worker in workers))
    assert 10 <= len(table.rows()) < 26 * 8
    kept = table.rows()
    done = subprocess.run(command, **shared, capture_output=True, check=True)
    assert done.stderr == ""
    assert len(table.rows()) == 26 * 8
    assert table.rows()[: len(kept)] == kept


@pytest.mark.slow
def test_a_lost_scheduler_is_one_line(networks, digits, undisturbed, tmp_path: Path) -> None:
    table = ResultsTable(tmp_path / "rows.csv")
    with separate_cluster(tmp_path, workers=1) as (address, process):

        def kill() -> None:
            wait_until(lambda: len(table.rows()) >= 5)
            process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(ClusterError, match=rf"^scheduler: {address} is gone; start the sweep again to go on"):
            sqnn.noise_sweep(networks, digits, **SWEEP, table=table.path, scheduler=address, progress=False)
        killer.join()
    assert 5 <= len(table.rows()) < CELLS
    frame = sqnn.noise_sweep(networks, digits, **SWEEP, table=table.path, workers=0, progress=False)
    assert_same_rows(frame, undisturbed)


def test_what_is_sent_holds_no_code(networks, digits) -> None:
    """A worker gets numbers and words: the classes of the network are its own."""
    import pickle
    import pickletools

    from sqnn.studies import open_subjects

    (subject,) = open_subjects(networks[0], digits, "test", None)
    task = Task(subject.network, subject.network.inputs(subject.images), subject.images.labels.numpy())
    words = {str(argument) for opcode, argument, _ in pickletools.genops(pickle.dumps(task)) if argument is not None}
    assert not any("torch" in word or "models" in word for word in words if len(word) < 200)
    assert isinstance(subject.network.weights, bytes)
