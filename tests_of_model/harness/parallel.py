"""Run one function on many items, in order, with progress; executors by name. Results never depend on which one runs."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from threadpoolctl import threadpool_limits

from withintask.panel.errors import ParameterError

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
        try:
            from distributed import Client
        except ImportError as error:
            raise ParameterError(
                "--dask needs the optional extra: pip install 'withintask[cluster]'"
            ) from error
        with Client(dask, set_as_default=False) as client:
            yield client.get_executor(pure=False)
    elif engine == "serial":
        yield None
    elif engine == "threads":
        with ThreadPoolExecutor(n_workers) as threads:
            yield threads
    elif engine == "processes":
        with process_pool(n_workers) as pool:
            yield pool
    else:
        raise ParameterError(f"engine {engine!r}: expected serial, threads or processes")


@contextmanager
def processes(n_processes: int) -> Iterator[Executor | None]:
    """Yield a pool of fresh processes as :func:`process_pool` does; None for one process."""
    if n_processes <= 1:
        yield None
        return
    with process_pool(n_processes) as pool:
        yield pool


@contextmanager
def process_pool(n_processes: int) -> Iterator[Executor]:
    """Yield a pool of fresh processes, which Polars needs, with one thread of Polars and of BLAS each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread, so that sums are rounded alike in every engine.

    The limit belongs to the process, and threadpoolctl lets one thread at a time set it. Whoever hands work to threads
    must therefore be inside as well: else the first of them to leave lifts the limit under the others.
    """
    import scipy.linalg  # noqa: F401  (a BLAS of its own, which is held only once it is loaded)

    with threadpool_limits(limits=1):
        yield
