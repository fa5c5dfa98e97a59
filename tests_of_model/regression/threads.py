"""One BLAS thread for small systems, where a second one costs more than it brings."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

# Sizes of dense systems between which BLAS starts a second thread that does not pay on a machine with other work: of
# 1,000 and 2,000 a Cholesky factor takes a quarter of the time on one of two contended threads. Setting the number takes
# 100 microseconds, which smaller systems are not worth.
_SMALLEST, _LARGEST = 256, 2_000
# Rows from which columns are long: a fit of so many takes thirty times as long as setting the number of threads.
_LONG = 20_000


class _Limit:
    """The number of threads belongs to the process: the first to come sets it, the last to leave puts it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._held: AbstractContextManager[Any] | None = None

    def enter(self) -> None:
        """Set one thread."""
        with self._lock:
            self._n_inside += 1
            if self._n_inside == 1:
                self._held = _controller().limit(limits=1)
                self._held.__enter__()

    def leave(self) -> None:
        """Put back what was."""
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0 and self._held is not None:
                self._held.__exit__(None, None, None)
                self._held = None


_LIMIT = _Limit()


def threads_for(size: int) -> AbstractContextManager[None]:
    """Hold BLAS to one thread if a dense system of this size is small; leave it alone otherwise."""
    return _one_thread(if_true=_SMALLEST <= size <= _LARGEST)


def threads_for_rows(n_rows: int) -> AbstractContextManager[None]:
    """Hold BLAS to one thread for products of a few long columns, which wait for memory and not for it, unless they are short."""
    return _one_thread(if_true=n_rows >= _LONG)


def one_thread() -> AbstractContextManager[None]:
    """Hold BLAS to one thread; whoever asks for it again inside has it already."""
    return _one_thread(if_true=True)


@contextmanager
def _one_thread(*, if_true: bool) -> Iterator[None]:
    if not if_true:
        yield
        return
    _LIMIT.enter()
    try:
        yield
    finally:
        _LIMIT.leave()


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  (a BLAS of its own, which is seen only once it is loaded)

    return ThreadpoolController()
