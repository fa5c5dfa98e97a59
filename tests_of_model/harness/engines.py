"""Executors by name; results never depend on which one runs a study."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from withintask.panel.errors import ParameterError
from withintask.tests_of_model.harness.parallel import process_pool


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
        with process_pool(n_workers) as processes:
            yield processes
    else:
        raise ParameterError(f"engine {engine!r}: expected serial, threads or processes")
