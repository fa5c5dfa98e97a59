"""Run one function on many items, in order, with progress; executors by name. Results never depend on which one runs."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    Executor,
    Future,
    InvalidStateError,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import TypeVar

from withintask.panel.errors import ParameterError
from withintask.tests_of_model.regression.threads import one_thread

_THREADS = ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
"""What processes read when they start; the cores are taken by the pool itself."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_all(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Apply a function to every item.

    Parameters
    ----------
    function
        Top-level function, so that processes can receive it.
    items
        Its arguments.
    executor
        Any executor; serial if None. Results do not depend on it.
    on_progress
        Called with items done and in all.

    Returns
    -------
    list
        Results, in the order of the items.
    """
    with one_blas_thread():
        if executor is None:
            results = []
            for done, item in enumerate(items):
                results.append(function(item))
                if on_progress is not None:
                    on_progress(done + 1, len(items))
            return results
        futures: list[Future[Result]] = [executor.submit(function, item) for item in items]
        for done, _ in enumerate(as_completed(futures)):
            if on_progress is not None:
                on_progress(done + 1, len(items))
        return [future.result() for future in futures]


@contextmanager
def open_executor(engine: str, n_workers: int, *, dask: str = "") -> Iterator[Executor | None]:
    """Open an executor: None for serial, threads, processes, or a dask cluster.

    Parameters
    ----------
    engine
        ``serial``, ``threads`` or ``processes`` (started afresh: Polars must not be forked).
    n_workers
        Threads or processes.
    dask
        Address of a running scheduler; needs the optional extra ``cluster``.

    Raises
    ------
    ParameterError
        If the engine is unknown or dask is not installed.
    """
    if dask:
        from withintask.tests_of_model.harness.cluster import cluster_executor

        with cluster_executor(dask) as cluster:
            yield cluster
    elif engine == "serial":
        yield None
    elif engine == "threads":
        with ThreadPoolExecutor(n_workers) as threads:
            try:
                yield threads
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
    elif engine == "processes":
        with process_pool(n_workers) as pool:
            yield pool
    else:
        raise ParameterError(f"engine {engine!r}: expected serial, threads or processes")


@contextmanager
def processes(n_processes: int, *, dask: str = "") -> Iterator[Executor | None]:
    """Yield a pool of fresh processes as :func:`process_pool` does, or a dask cluster; None for one process."""
    if dask:
        with open_executor("serial", 1, dask=dask) as cluster:
            yield cluster
        return
    if n_processes <= 1:
        yield None
        return
    with process_pool(n_processes) as pool:
        yield pool


@contextmanager
def process_pool(n_processes: int) -> Iterator[Executor]:
    """Yield a pool of fresh processes, which Polars needs, with one thread of Polars and of BLAS each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    others = set(active_children())
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        with ProcessPoolExecutor(
            n_processes, mp_context=get_context("spawn"), initializer=_end_with_parent
        ) as pool:
            try:
                _start(pool, n_processes)
                yield pool
            except BaseException:
                # It stays: the pool's own thread may end after us.
                threading.excepthook = _unless_cancelled
                pool.shutdown(wait=False, cancel_futures=True)
                for child in set(active_children()) - others:
                    child.terminate()
                raise
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _unless_cancelled(fault: threading.ExceptHookArgs) -> None:
    """Report what a thread died of, but not that a pool wanted to tell a cancelled task that its process is gone."""
    if fault.exc_type is not InvalidStateError:
        threading.__excepthook__(fault)


def _start(pool: Executor, n_processes: int) -> None:
    """Start every process with Ctrl-C kept from it: the parent alone answers it, when it can."""
    with _interrupt_held_back():
        for _ in range(n_processes):
            pool.submit(os.getpid)


@contextmanager
def _interrupt_held_back() -> Iterator[None]:
    """Let Ctrl-C wait; what is started meanwhile never gets it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """End this process when its parent ends, however that ends."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread, so that sums are rounded alike in every engine.

    The limit belongs to the process, and threadpoolctl lets one thread at a time set it. Whoever hands work to threads
    must therefore be inside as well: else the first of them to leave lifts the limit under the others.
    """
    with one_thread():
        yield
