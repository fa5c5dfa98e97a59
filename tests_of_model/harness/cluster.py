"""A Dask cluster as an executor: asked for an answer and for its versions before any work is sent."""

import asyncio
import platform
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from threadpoolctl import threadpool_limits

from withintask.panel.errors import ParameterError, list_problems
from withintask.tests_of_model.harness.kept import code_hash

ANSWER_SECONDS = 4
"""How long a scheduler is waited for."""

_NUMERIC = ("numpy", "scipy", "polars", "pyarrow")
"""Packages on which numbers or what is sent depend."""


@contextmanager
def cluster_executor(address: str) -> Iterator[Executor]:
    """Open a cluster whose workers run what we run.

    Parameters
    ----------
    address
        Of a running scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises
    ------
    ParameterError
        If dask is not installed, no scheduler answers within :data:`ANSWER_SECONDS`, there is no worker, or one has
        other versions; a worker that joins later with other versions fails at its first task.
    """
    fail_if_no_answer(address)
    from distributed import Client

    try:
        client = Client(address, set_as_default=False, timeout=ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        raise ParameterError(_no_answer(address, error)) from error
    with client:
        _fail_if_other_versions(address, client)
        yield _Checked(client.get_executor(pure=False))


@cache
def versions() -> Mapping[str, str]:
    """Return what decides a number: the code of the model and its tests, Python and the numerical packages."""
    packages = {name: version(name) for name in _NUMERIC}
    python = ".".join(platform.python_version_tuple()[:2])
    return {"withintask": code_hash()[:12], "python": python, **packages}


def run_checked(expected: Mapping[str, str], function: Callable[..., Any], *args: Any) -> Any:
    """Call a function on a worker, if its versions are those of who sent it.

    Raises
    ------
    ParameterError
        If they are not.
    """
    differences = _differences(expected, versions())
    if differences:
        raise ParameterError(f"a Dask worker on {platform.node()} has {differences}; {_ADVICE}")
    _hold_one_blas_thread()
    return function(*args)


@cache
def _hold_one_blas_thread() -> threadpool_limits:
    """Hold BLAS to one thread for as long as the worker lives, however many tasks it runs beside each other."""
    import scipy.linalg  # noqa: F401  (a BLAS of its own, which is held only once it is loaded)

    return threadpool_limits(limits=1)


class _Checked(Executor):
    """Sends every task with the versions that it expects, for workers can join at any time."""

    def __init__(self, inner: Executor) -> None:
        self._inner = inner

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Submit a function with its versions."""
        return self._inner.submit(run_checked, dict(versions()), fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster."""
        self._inner.shutdown(wait=wait, cancel_futures=cancel_futures)


_ADVICE = "install the same withintask and packages on all workers and start them anew"


def _fail_if_other_versions(address: str, client: Any) -> None:
    try:
        answers: Mapping[str, Mapping[str, str]] = client.run(versions)
    except Exception as error:  # whatever a worker says that cannot load our code
        reason = f"its workers cannot load this version of withintask ({type(error).__name__})"
        raise ParameterError(f"--dask {address}: {reason}; {_ADVICE}") from error
    problems = [
        f"worker {name} has {differences}"
        for name, found in answers.items()
        if (differences := _differences(versions(), found))
    ]
    if not answers:
        problems = ["the scheduler has no worker; start one with dask worker"]
    if problems:
        raise ParameterError(list_problems(f"--dask {address}", problems, advice=f"{_ADVICE}."))


def _differences(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} {found.get(name, 'none')} instead of {value}"
        for name, value in expected.items()
        if found.get(name) != value
    )


def fail_if_no_answer(address: str) -> None:
    """Ask who is there, in a thread that is left alone if nothing comes back; a command does so before all else.

    Parameters
    ----------
    address
        Of a scheduler.

    Raises
    ------
    ParameterError
        If dask is not installed, or no scheduler answers within :data:`ANSWER_SECONDS`.
    """
    try:
        import distributed  # noqa: F401  (loaded here, so that its time is not the scheduler's)
    except ImportError as error:
        message = "--dask needs the optional extra: pip install 'withintask[cluster]'"
        raise ParameterError(message) from error
    answers: SimpleQueue[object] = SimpleQueue()

    def ask() -> None:
        try:
            asyncio.run(_identity(address))
            answers.put(None)
        except Exception as error:  # of the transport, which has many
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_SECONDS)
    except Empty:
        answer = TimeoutError()
    if isinstance(answer, Exception):
        raise ParameterError(_no_answer(address, answer)) from answer


async def _identity(address: str) -> object:
    from distributed.comm import connect

    comm = await connect(address, timeout=ANSWER_SECONDS)
    try:
        await comm.write({"op": "identity", "reply": True})
        return await comm.read()
    finally:
        comm.abort()


def _no_answer(address: str, error: Exception) -> str:
    return (
        f"--dask {address}: no scheduler answers there within {ANSWER_SECONDS} seconds ({type(error).__name__}); "
        "start one with dask scheduler"
    )
