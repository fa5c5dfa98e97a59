"""What a benchmark measured: seconds in turns, one row a comparison, kept for the page that ``make bench`` writes."""

import json
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from threadpoolctl import threadpool_info

KEPT_IN = "WITHINTASK_BENCH_ROWS"
"""Environment variable with the file to which rows are added, one JSON object a line; printed only if it is not set."""

KILOBYTES_A_GIGABYTE = 1e6
WORD_SECONDS = 0.1
"""A shorter time is shown in milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the page."""

    key: str
    """Short name; what was measured of a peer earlier is found by it."""
    what: str
    """The task, with its size."""
    ours: float
    """Median over turns, in unit."""
    unit: str = "s"
    """Of ours and theirs."""
    peer: str = ""
    """Who does the same; empty for none."""
    theirs: float | None = None
    """The peer's median; None where it is not installed."""
    more_is_better: bool = False
    """For rates."""
    limit: float | None = None
    """What ours may be at most (at least, for rates)."""
    ratio_limit: float | None = None
    """What ours / theirs may be at most."""
    peak: float | None = None
    """Most memory of the process that did it, GB."""
    peak_limit: float | None = None
    """What the peak may be at most, GB; a benchmark run as part of ``make bench`` fails above it."""
    turns: int = 1
    """Measurements of each, in turns."""
    threads: str = ""
    """Threads of BLAS and of Polars, processes."""
    load: float = 0.0
    """Load average of the last minute when it was done."""
    note: str = ""
    """What else must be known to read it."""

    @property
    def ratio(self) -> float | None:
        """Ours over theirs."""
        return None if self.theirs is None else self.ours / self.theirs

    @property
    def misses(self) -> tuple[str, ...]:
        """Limits that are not kept."""
        ours = self.limit is not None and (
            self.ours < self.limit if self.more_is_better else self.ours > self.limit
        )
        ratio = (
            self.ratio is not None
            and self.ratio_limit is not None
            and self.ratio > self.ratio_limit
        )
        peak = self.peak is not None and self.peak_limit is not None and self.peak > self.peak_limit
        kinds = {"time": ours, "ratio": ratio, "memory": peak}
        return tuple(kind for kind, is_missed in kinds.items() if is_missed)


def record(**fields: object) -> Row:
    """Print a row, and keep it where ``make bench`` asks for rows."""
    row = Row(**{"load": os.getloadavg()[0], "threads": threads(), **fields})
    print(sentence(row), flush=True)
    if path := os.environ.get(KEPT_IN):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(row)) + "\n")
    return row


def compare(
    seconds: Mapping[str, float],
    *,
    absent: Mapping[str, float | None] | None = None,
    ratio_limits: Mapping[str, float] | None = None,
    **fields: object,
) -> None:
    """Record one row a peer.

    Parameters
    ----------
    seconds
        Medians by name; ``withintask`` is ours.
    absent
        Names of peers that are not here.
    ratio_limits
        What ours / theirs may be at most, by peer.
    **fields
        Of every :class:`Row`; limit and peak are said once.
    """
    limits = dict(ratio_limits or {})
    theirs: dict[str, float | None] = dict.fromkeys(absent or ())
    theirs |= {name: value for name, value in seconds.items() if name != "withintask"}
    for name, value in (theirs or {"": None}).items():
        named = {"peer": name, "theirs": value, "ratio_limit": limits.get(name)}
        record(ours=seconds["withintask"], **named, **fields)


def in_turns(
    candidates: Mapping[str, Callable[[], object]], turns: int, *, warm: bool = True
) -> dict[str, float]:
    """Median seconds of each candidate, run in turns, so that a busy machine slows all alike.

    A candidate that returns a float has timed itself, as peers under another interpreter do.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(turns + warm):
        for name, run in candidates.items():
            start = time.perf_counter()
            answer = run()
            taken = answer if isinstance(answer, float) else time.perf_counter() - start
            if turn >= warm:
                times[name].append(taken)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_gigabytes() -> float:
    """Most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTES_A_GIGABYTE


def threads() -> str:
    """Say how many threads BLAS and Polars have in this process."""
    import polars as pl

    blas = sorted({pool["num_threads"] for pool in threadpool_info()})
    named = "/".join(map(str, blas)) or "?"
    return f"BLAS {named}, Polars {pl.thread_pool_size()}"


def shown(value: float | None, unit: str) -> str:
    """Return a figure with its unit; short times in milliseconds."""
    if value is None:
        return ""
    if unit == "s" and value < WORD_SECONDS:
        return f"{1e3 * value:.3g} ms"
    digits = 0 if value >= 100 else 3
    return f"{value:.{digits}f} {unit}" if not digits else f"{value:.{digits}g} {unit}"


def sentence(row: Row) -> str:
    """Return a row as it is printed."""
    parts = [f"{row.what}: {shown(row.ours, row.unit)}"]
    if row.peak is not None:
        parts.append(f"peak {row.peak:.2f} GB")
    if row.peer and row.theirs is None:
        parts.append(f"{row.peer} is not installed: left out")
    elif row.peer:
        parts.append(f"{row.peer} {shown(row.theirs, row.unit)}, ours/theirs {row.ratio:.3f}")
    parts += [f"{kind} over its limit" for kind in row.misses]
    parts += [f"({row.note})"] if row.note else []
    return "; ".join(parts)
