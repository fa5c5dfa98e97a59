"""Executors by name; results never depend on which one runs a study."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from withintask.panel.errors import ParameterError

_THREADS = ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS")


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
        pool = ProcessPoolExecutor(n_workers, mp_context=get_context("spawn"))
        with _one_thread_each(), pool as processes:
            yield processes
    else:
        raise ParameterError(f"engine {engine!r}: expected serial, threads or processes")


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Tell processes started meanwhile to use one thread of Polars and of BLAS: the cores are taken already."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
