"""Run every benchmark of ``plan.toml`` and write docs/performance.md from what they measured: ``make bench``.

Run ``python benchmarks/bench_all.py [--peers PYTHON] [--only NAME …] [--again NAME …] [--tiny]``. Rows of each benchmark are kept in
``out/bench`` as it ends, so that a run that was stopped goes on where it was; rows of other code or another machine are measured anew.
It ends with an error if a benchmark failed or a peak of memory is over its limit; a time over its limit is marked on the page, as a busy
machine does that too.
"""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from page_of_rows import Measured, machine, page
from peers import find
from rows import KEPT_IN

ROOT = Path(__file__).resolve().parents[1]
PLAN = ROOT / "benchmarks" / "plan.toml"
KEPT, PAGE = ROOT / "out" / "bench", ROOT / "docs" / "performance.md"
PEERS_WORD = "PEERS"
CODE = ("withintask", "panel", "ingest", "sim", "tests_of_model", "benchmarks")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One command of the plan."""

    name: str
    title: str
    pages: tuple[str, ...]
    """Pages of docs whose figures it measures."""
    command: str
    tiny: str
    """The same with sizes at which only the writer is tried; empty if there are none."""

    def words(self, peers: str | None, *, is_tiny: bool) -> list[str]:
        """Return the command for this machine."""
        words = shlex.split(self.tiny if is_tiny else self.command)
        if PEERS_WORD in words and not is_tiny:
            place = words.index(PEERS_WORD)
            words[place - 1 : place + 1] = [words[place - 1], peers] if peers else []
        return [sys.executable, *words[1:]]

    @property
    def shown(self) -> str:
        """The command as a reader may type it."""
        return self.command.replace(PEERS_WORD, "PATH")


def read_plan(path: Path = PLAN) -> tuple[tuple[Benchmark, ...], list[dict[str, object]]]:
    """Read what is run, and what peers took earlier."""
    plan = tomllib.loads(path.read_text(encoding="utf-8"))
    made = [Benchmark(**{**entry, "pages": tuple(entry["pages"])}) for entry in plan["benchmark"]]
    return tuple(made), plan["earlier"]


def state_of_code() -> str:
    """Hash what decides a time: our source, and the machine."""
    digest = hashlib.sha256(json.dumps(machine()).encode())
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A benchmark on this machine, with the file that keeps what it gave."""

    benchmark: Benchmark
    words: list[str]
    code: str
    """Hash of what decides a time."""
    kept: Path
    """Folder of what is kept."""

    @property
    def path(self) -> Path:
        """File of its rows."""
        return self.kept / f"{self.benchmark.name}.json"

    @property
    def asked(self) -> dict[str, object]:
        """What stored rows must be of."""
        return {"command": self.benchmark.shown, "words": self.words, "code": self.code}

    def stored(self) -> Measured | None:
        """Return what is kept, if it is of the same command, code and machine and did not fail."""
        if not self.path.exists():
            return None
        stored = json.loads(self.path.read_text(encoding="utf-8"))
        is_same = {name: stored.get(name) for name in self.asked} == self.asked
        return Measured.from_stored(stored) if is_same and not stored["failed"] else None

    def run(self) -> Measured:
        """Run it and keep its rows."""
        print(f"\n== {self.benchmark.name}", flush=True)
        given = run(self.words, self.kept / "rows.jsonl")
        answer = Measured.from_stored({**given, "name": self.benchmark.name})
        text = json.dumps({**self.asked, **asdict(answer)}, indent=1)
        self.path.write_text(text, encoding="utf-8")
        return answer


def run(words: list[str], rows: Path) -> dict[str, object]:
    """Run a command; its rows, the load before and after it, when and how long."""
    rows.unlink(missing_ok=True)
    before, start, moment = os.getloadavg()[0], time.perf_counter(), time.strftime("%Y-%m-%d %H:%M")
    done = subprocess.run(words, check=False, cwd=ROOT, env={**os.environ, KEPT_IN: str(rows)})
    lines = rows.read_text(encoding="utf-8").splitlines() if rows.exists() else []
    rows.unlink(missing_ok=True)
    return {
        "rows": [json.loads(line) for line in lines],
        "load_before": before,
        "load_after": os.getloadavg()[0],
        "seconds": time.perf_counter() - start,
        "moment": moment,
        "failed": done.returncode != 0,
    }


def problems(all_measured: list[Measured]) -> list[str]:
    """Name what must not be: a benchmark that failed, a peak of memory over its limit."""
    failed = [f"{one.name} failed" for one in all_measured if one.failed]
    over = [
        f"{row.what}: peak {row.peak:.2f} GB, limit {row.peak_limit:.2f} GB"
        for one in all_measured
        for row in one.rows
        if "memory" in row.misses
    ]
    return failed + over


def arguments(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="interpreter that has the peers")
    parser.add_argument(
        "--only", nargs="+", default=[], help="run only these; show also what is kept"
    )
    parser.add_argument("--again", nargs="+", default=[], help="measure these anew")
    parser.add_argument("--tiny", action="store_true", help="try the writer with tiny sizes")
    parser.add_argument("--kept", type=Path, default=KEPT)
    parser.add_argument("--out", type=Path, default=PAGE)
    return parser.parse_args(words)


def run_plan(plan: tuple[Benchmark, ...], options: argparse.Namespace) -> list[Measured]:
    """Run what is asked for and not kept; beside it what is kept of the rest."""
    code, answers = state_of_code(), []
    for benchmark in plan:
        if options.tiny and not benchmark.tiny:
            continue
        if benchmark.name in options.again:
            (options.kept / f"{benchmark.name}.json").unlink(missing_ok=True)
        job = Job(
            benchmark=benchmark,
            words=benchmark.words(options.peers, is_tiny=options.tiny),
            code=code,
            kept=options.kept,
        )
        is_asked = not options.only or benchmark.name in options.only
        answer = job.stored() or (job.run() if is_asked else None)
        answers += [answer] if answer else []
    return answers


def main(words: list[str] | None = None) -> None:
    """Run what is not kept, and write the page."""
    options = arguments(words)
    plan, earlier = read_plan()
    options.kept.mkdir(parents=True, exist_ok=True)
    answers = run_plan(plan, options)
    text = page(plan, answers, earlier, versions=find(options.peers))
    options.out.write_text(text, encoding="utf-8")
    print(f"\n{options.out}")
    if wrong := problems(answers):
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
