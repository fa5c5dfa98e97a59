"""Wall time, processor time and memory of commands as a user types them, each a process of its own.

Run ``python benchmarks/bench_commands.py [CASE …] [--rows 10000000] [--turns 3]``; cases are start, help, estimate, validate, build,
matrix and demo, all if none is named. The panel that is estimated and validated has workers x five tasks x two periods, as that of
``bench_panel.py``. Commands of more than a minute run once.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from bench_panel import run as make
from rows import KILOBYTES_A_GIGABYTE, record

ONCE = 1
PUBLISHED = ("../shared/data", "../shared/data_new")
ESTIMATOR = "dispersion_before_after"
COMMAND = "withintask.cli.main"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run of a command took."""

    wall: float
    cpu: float
    peak: float
    """Of its largest process, GB."""


_TIMED = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[2:], stdout=sys.stderr)
wall, usage = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as stream:
    json.dump([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss], stream)
sys.exit(done.returncode)
"""
"""A small process starts the command: a child's peak counts what its parent had when it began."""


def run(*words: str, folder: Path | None = None) -> Run:
    """Run a command and wait for it; its output goes nowhere unless it fails."""
    with tempfile.NamedTemporaryFile("r") as figures:
        done = subprocess.run(
            [sys.executable, "-c", _TIMED, figures.name, sys.executable, *words],
            env={**os.environ, "COLUMNS": "100"},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
        wall, cpu, peak = json.load(figures)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    return Run(wall=wall, cpu=cpu, peak=peak / KILOBYTES_A_GIGABYTE)


def command(*words: str) -> tuple[str, ...]:
    """Return how the command line is called by the interpreter that runs this."""
    return "-c", f"import sys; from {COMMAND} import main; sys.exit(main())", *words


def measure(key: str, what: str, words: tuple[str, ...], *, turns: int, **fields: object) -> None:
    """Run a command some times and record medians and the largest peak."""
    runs = [run(*words) for _ in range(turns)]
    record(
        key=key,
        what=what,
        ours=statistics.median(one.wall for one in runs),
        peak=max(one.peak for one in runs),
        turns=turns,
        note=f"{statistics.median(one.cpu for one in runs):.3g} s of processors",
        **{"threads": "as they come", **fields},
    )


def start(options: argparse.Namespace, _: Path) -> None:
    """Start Python alone, then with the package."""
    words = ("-c", "import withintask")
    measure("start", "`import withintask`", words, turns=5 * options.turns, limit=0.3)


def show_help(options: argparse.Namespace, _: Path) -> None:
    """Show the help."""
    words = command("--help")
    measure("help", "`withintask --help`", words, turns=3 * options.turns, limit=1.0)


def estimate(options: argparse.Namespace, folder: Path) -> None:
    """Estimate the dispersion of outputs on a panel in memory."""
    make("--make", str(options.rows), str(folder))
    panel = folder / "panel"
    words = command("estimate", str(panel), "--hypothesis", "H1", "--estimator", ESTIMATOR)
    measure(
        "estimate_memory",
        f"`withintask estimate --estimator {ESTIMATOR}`, {options.rows:,} rows of Parquet",
        words,
        turns=options.turns,
    )
    shutil.rmtree(panel)


def validate(options: argparse.Namespace, folder: Path) -> None:
    """Check a panel whose tables are CSV."""
    make("--make", str(options.rows), str(folder))
    panel = folder / "panel"
    as_csv(panel)
    measure(
        "validate_csv",
        f"`withintask panel validate`, CSV of {options.rows:,} rows",
        command("panel", "validate", str(panel)),
        turns=options.turns,
        limit=4.0,
        peak_limit=0.6,
    )
    shutil.rmtree(panel)


def as_csv(panel: Path) -> None:
    """Write the tables of a panel as CSV in place of Parquet, with a manifest that has no checksums."""
    with duckdb.connect() as connection:
        for path in panel.glob("*.parquet"):
            target = path.with_suffix(".csv")
            connection.execute(f"COPY (FROM '{path}') TO '{target}' (HEADER)")
            path.unlink()
    manifest = panel / "panel.toml"
    text, _, _ = manifest.read_text(encoding="utf-8").partition("[sha256]")
    manifest.write_text(text.replace(".parquet", ".csv"), encoding="utf-8")


def build(options: argparse.Namespace, folder: Path) -> None:
    """Build the store of published files, where there are any."""
    named = os.environ.get("WITHINTASK_DATA", os.pathsep.join(PUBLISHED))
    sources = [source for source in named.split(os.pathsep) if Path(source).exists()]
    if not sources:
        print(f"{named} is not here: data build is left out")
        return
    words = command("data", "build", *sources, "--db", str(folder / "store.duckdb"))
    what = f"`withintask data build` of {len(sources)} folder{'s' * (len(sources) > 1)}"
    measure("build", what, words, turns=ONCE, limit=6.0)


def matrix(options: argparse.Namespace, folder: Path) -> None:
    """Compute the quick matrix."""
    words = command("matrix", "--quick", "--out", str(folder / "matrix"))
    if options.tiny:
        words += ("--design", "oews")
    measure("matrix", "`withintask matrix --quick`", words, turns=ONCE, threads="2 processes")


def demo(_: argparse.Namespace, folder: Path) -> None:
    """Make the demo's page."""
    words = command("demo", "--out", str(folder / "demo"))
    measure("demo", "`withintask demo`", words, turns=ONCE, limit=180.0)


CASES: dict[str, Callable[[argparse.Namespace, Path], None]] = {
    "start": start,
    "help": show_help,
    "estimate": estimate,
    "validate": validate,
    "build": build,
    "matrix": matrix,
    "demo": demo,
}


def main() -> None:
    """Run the cases that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="one design of the matrix only")
    options = parser.parse_args()
    unknown = sorted(set(options.cases) - set(CASES))
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    for name in options.cases or CASES:
        with tempfile.TemporaryDirectory() as folder:
            CASES[name](options, Path(folder))


if __name__ == "__main__":
    main()
