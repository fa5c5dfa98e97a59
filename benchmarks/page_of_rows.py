"""The page that ``make bench`` writes: a table a benchmark, its command above it, the machine and its load at the top."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from rows import Row, shown

PACKAGES = ("numpy", "scipy", "polars", "duckdb", "pyarrow")
HEADER = "| task | ours | peak, GB | peer | peer took | ours/peer | limit | turns, threads |"
QUIET = 1.0
"""Load average a core above which a machine is called busy where no benchmark begins under less: their own load, of several processes, is in it too."""


class Planned(Protocol):
    """What the page must know of a benchmark."""

    name: str
    title: str
    pages: tuple[str, ...]
    shown: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a benchmark gave."""

    name: str
    rows: tuple[Row, ...]
    load_before: float
    load_after: float
    seconds: float
    moment: str
    failed: bool

    @classmethod
    def from_stored(cls, stored: Mapping[str, object]) -> "Measured":
        """Read it from what is kept."""
        fields = {name: stored[name] for name in cls.__dataclass_fields__}
        rows = tuple(Row(**row) for row in fields["rows"])
        return cls(**{**fields, "rows": rows})


def machine() -> dict[str, str]:
    """Name what a time depends on beside the code."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": packages,
    }


def processor() -> str:
    """Name the processor, where the system says it."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine()
    names = [line for line in path.read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


def page(
    plan: Sequence[Planned],
    measured: Sequence[Measured],
    earlier: Iterable[Mapping[str, object]],
    *,
    versions: Mapping[str, str],
) -> str:
    """Return docs/performance.md."""
    by_name = {one.name: one for one in measured}
    known = {(entry["key"], entry["peer"]): entry for entry in earlier}
    parts = [*head(measured, versions)]
    for benchmark in plan:
        if benchmark.name in by_name:
            parts += section(benchmark, by_name[benchmark.name], known)
    left_out = [benchmark.title for benchmark in plan if benchmark.name not in by_name]
    if left_out:
        parts += ["", f"Not measured in this run: {', '.join(left_out)}."]
    return "\n".join(parts) + "\n"


def head(measured: Sequence[Measured], versions: Mapping[str, str]) -> list[str]:
    """Return what holds for all tables."""
    facts = machine()
    loads = [load for one in measured for load in (one.load_before, one.load_after)]
    least = min((one.load_before for one in measured), default=0.0)
    busy = least > QUIET * int(facts["cores"])
    missed = [row for one in measured for row in one.rows if row.misses]
    moments = sorted(one.moment for one in measured)
    n_rows = sum(len(one.rows) for one in measured)
    peers = ", ".join(f"{name} {number}" for name, number in versions.items())
    return [
        "# Performance",
        "",
        "Every figure of speed and memory that these pages quote, from one run of one command:",
        "",
        "    make bench",
        "",
        "It writes this page. It can be stopped and called again; `make bench PEERS=PATH` names an interpreter that has the peers. A benchmark",
        "is a command of its own, printed above its table. Times are medians of turns, ours and the peer's one after the other. "
        "A limit that is not kept is **bold**.",
        "",
        "| | |",
        "|---|---|",
        f"| measured | {moments[0]} to {moments[-1]}, {sum(one.seconds for one in measured) / 60:.1f} minutes |"
        if moments
        else "| measured | nothing |",
        f"| machine | {facts['processor']}, {facts['cores']} cores, {facts['memory']}, {facts['system']} |",
        f"| software | Python {facts['python']}, {facts['packages']} |",
        f"| load average | {min(loads, default=0):.1f} to {max(loads, default=0):.1f}"
        f"{': the machine was busy, times are too long and ratios fair' if busy else ''} |",
        f"| peers | {peers or 'none given'} |",
        f"| limits | {n_rows - len(missed)} of {n_rows} rows keep theirs or have none |",
    ]


def section(
    benchmark: Planned,
    measured: Measured,
    earlier: Mapping[tuple[object, object], Mapping[str, object]],
) -> list[str]:
    """Return a benchmark's title, command, load and table."""
    linked = ", ".join(f"[{name.removesuffix('.md')}]({name})" for name in benchmark.pages)
    notes = [
        *(f"{row.what}: {row.note}" for row in measured.rows if row.note),
        *(
            f"{row.what}, {row.peer}: {text}"
            for row in measured.rows
            if row.theirs is None and (text := earlier_note(row, earlier))
        ),
    ]
    lines = dict.fromkeys(notes)
    return [
        "",
        f"## {benchmark.title}",
        "",
        f"    {benchmark.shown}",
        "",
        f"For {linked}. Load {measured.load_before:.1f} before, {measured.load_after:.1f} after; {measured.seconds:.0f} s."
        + (" **It failed before its end.**" if measured.failed else ""),
        "",
        HEADER,
        "|---|---|---|---|---|---|---|---|",
        *(line(row, earlier) for row in measured.rows),
        *(["", *(f"- {text}" for text in lines)] if lines else []),
    ]


def line(row: Row, earlier: Mapping[tuple[object, object], Mapping[str, object]]) -> str:
    """Return one row of a table."""
    theirs = shown(row.theirs, row.unit)
    if row.peer and row.theirs is None:
        theirs = "not measured here"
        if entry := earlier.get((row.key, row.peer)):
            theirs += f" (earlier: {shown(float(entry['theirs']), row.unit)})"
    ratio = "" if row.ratio is None else mark(f"{row.ratio:.2f}", "ratio" in row.misses)
    peak = "" if row.peak is None else mark(f"{row.peak:.2f}", "memory" in row.misses)
    cells = (
        row.what,
        mark(shown(row.ours, row.unit), "time" in row.misses),
        peak,
        row.peer,
        theirs,
        ratio,
        limits(row),
        "; ".join(part for part in (str(row.turns), row.threads) if part),
    )
    return f"| {' | '.join(cells)} |"


def mark(text: str, is_missed: bool) -> str:
    """Return a figure, bold where it misses its limit."""
    return f"**{text}**" if is_missed else text


def limits(row: Row) -> str:
    """Return what is asked of a row."""
    word = "at least" if row.more_is_better else "at most"
    parts = [] if row.limit is None else [f"{word} {shown(row.limit, row.unit)}"]
    parts += [] if row.ratio_limit is None else [f"ratio {row.ratio_limit:g}"]
    parts += [] if row.peak_limit is None else [f"{row.peak_limit:g} GB"]
    return ", ".join(parts)


def earlier_note(row: Row, earlier: Mapping[tuple[object, object], Mapping[str, object]]) -> str:
    """Say of a peer that is not here what it took on another day, and ours then."""
    entry = earlier.get((row.key, row.peer))
    if entry is None:
        return ""
    ours = f", ours {shown(float(entry['ours']), row.unit)}" if "ours" in entry else ""
    took = shown(float(entry["theirs"]), row.unit)
    return f"not measured here; on another day {took}{ours} ({entry['note']})"
