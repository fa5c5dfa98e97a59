"""Kill a writer with -9 before each of its steps on disk, run it again, and compare with a run that was not killed.

``python tests/attacks/killing.py KILLS [WRITERS]`` prints one JSON object; kills are spread over the steps.
A fresh fork runs each attempt, for a fork must not inherit threads of Polars or DuckDB.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from withintask.ingest import parquet
from withintask.panel import atomic, folder, store, validate  # noqa: F401  (imported before the forks)
from withintask.panel.checksums import sha256_of
from withintask.panel.manifest import MANIFEST, read_manifest
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.pseudonymize import pseudonymize_to
from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.stream import write_streamed
from withintask.tests_of_model.harness.synthetic import draw_panel, write_synthetic

STEPS = {"open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.truncate", "os.scandir"}
KEY = b"a key of more than sixteen bytes"
SMALL = ("n_workers=40", "n_firms=4", "n_tasks_by_worker=2")


@dataclass(frozen=True)
class Writer:
    """What is written, after what was prepared, and how a reader sees it."""

    write: Callable[[Path], object]
    prepare: Callable[[Path], object] = lambda _: None
    read: Callable[[Path], object] = lambda _: None
    target: str = "target"


def panel(n: int, name: str = "p") -> Panel:
    outputs = pl.DataFrame(
        {
            "worker_id": [f"w{i}" for i in range(n)],
            "task_id": ["t"] * n,
            "period": [1] * n,
            "output": [1.0 + i for i in range(n)],
        }
    )
    return Panel(info=PanelInfo(name=name), outputs=outputs, workers=outputs.select("worker_id"))


def streamed(base: Path) -> None:
    design = change_design(load_design("rct"), n_workers=40, n_firms=4)
    economy = solve_economy(load_params(), n_workers=2**9)
    write_streamed(
        economy, design, seed=1, folder=base / "target", rows_per_chunk=200, sections={"recipe": {}}
    )


def simulated(base: Path) -> None:
    write_synthetic(draw_panel("rct", seed=1, settings=SMALL[:2]), base / "target")


def database(base: Path) -> None:
    """A store as `export_parquet` reads it, with empty tables."""
    with duckdb.connect(str(base / "store.duckdb")) as connection:
        for table in parquet.TABLES:
            frame = table.empty()  # noqa: F841
            connection.execute(f"CREATE TABLE {table.name} AS SELECT * FROM frame")
        for view in parquet.VIEWS:
            connection.execute(f"CREATE VIEW {view.table.name} AS {view.sql}")
        connection.execute("INSERT INTO oews (year, level) VALUES (2020, 'national')")


def exported(base: Path) -> None:
    with duckdb.connect(str(base / "store.duckdb"), read_only=True) as connection:
        parquet.export_parquet(connection, base / "target")


def read(base: Path) -> None:
    store.read_panel(base / "target")


WRITERS = {
    "new": Writer(lambda b: store.write_panel(panel(9), b / "target"), read=read),
    "csv": Writer(lambda b: store.write_panel(panel(9), b / "target", layout="csv"), read=read),
    "into an empty folder": Writer(
        lambda b: store.write_panel(panel(9), b / "target"),
        prepare=lambda b: (b / "target").mkdir(),
        read=read,
    ),
    "over a panel": Writer(
        lambda b: store.write_panel(panel(9), b / "target"),
        prepare=lambda b: store.write_panel(panel(5, "old"), b / "target", layout="csv"),
        read=read,
    ),
    "over a streamed panel": Writer(
        lambda b: store.write_panel(panel(9), b / "target"), prepare=streamed, read=read
    ),
    "duckdb": Writer(
        lambda b: store.write_panel(panel(9), b / "target.duckdb"),
        prepare=lambda b: store.write_panel(panel(5, "old"), b / "target.duckdb"),
        read=lambda b: store.read_panel(b / "target.duckdb"),
        target="target.duckdb",
    ),
    "simulate": Writer(simulated, read=read),
    "stream": Writer(streamed, read=read),
    "pseudonymize": Writer(
        lambda b: pseudonymize_to(b / "source", b / "target", KEY),
        prepare=lambda b: store.write_panel(panel(9), b / "source"),
        read=read,
    ),
    "data build --parquet": Writer(exported, prepare=database),
    "page": Writer(lambda b: atomic.save_text(b / "target", "page" * 100_000)),
}


def main() -> None:
    """Attack writers and print what came out of it."""
    n_kills = int(sys.argv[1])
    found = {}
    for name in sys.argv[2:] or WRITERS:
        with tempfile.TemporaryDirectory() as scratch:
            found[name] = attack(WRITERS[name], Path(scratch), n_kills)
    print(json.dumps(found))


def attack(writer: Writer, scratch: Path, n_kills: int) -> dict[str, object]:
    base, whole = scratch / "base", scratch / "whole"
    base.mkdir()
    in_fork(lambda: writer.prepare(base))
    shutil.copytree(base, whole)
    n_steps = in_fork(lambda: writer.write(whole), where=whole)
    expected = in_fork_json(lambda: state(writer, whole))
    chosen = sorted({round(1 + i * (n_steps - 1) / max(n_kills - 1, 1)) for i in range(n_kills)})
    steps = [step for step in chosen if step <= n_steps][: n_steps + 1]
    problems = [p for step in steps for p in killed(writer, scratch, step, expected)]
    return {"n_steps": n_steps, "n_killed": len(steps), "problems": problems}


def killed(writer: Writer, scratch: Path, step: int, expected: object) -> list[str]:
    """Kill one run, look at what a reader sees, run it again, and compare."""
    there = scratch / "killed"
    shutil.rmtree(there, ignore_errors=True)
    shutil.copytree(scratch / "base", there)
    problems = []
    if in_fork(lambda: writer.write(there), where=there, kill_at=step) != -signal.SIGKILL:
        problems.append(f"step {step}: was not killed")
    is_there = (there / writer.target).is_file() or (there / writer.target / MANIFEST).exists()
    if is_there and in_fork(lambda: writer.read(there)) < 0:
        problems.append(f"step {step}: a reader sees half a panel")
    if in_fork(lambda: writer.write(there), where=there) < 0:
        problems.append(f"step {step}: the next run fails")
    if in_fork(lambda: same(state(writer, there), expected)) < 0:
        problems.append(f"step {step}: the next run ends otherwise")
    return problems


def state(writer: Writer, base: Path) -> list[object]:
    """Name every file that is there and what it holds; of a panel, its rows and the files it does not name."""
    files = [file for file in sorted(base.rglob("*")) if file.is_file()]
    if not store.is_panel(base / writer.target):
        return [[str(file.relative_to(base)), sha256_of(file)] for file in files]
    panel = store.read_panel(base / writer.target)
    named = {base / writer.target, base / writer.target / MANIFEST}
    if (base / writer.target).is_dir():
        document = read_manifest(base / writer.target / MANIFEST)
        named |= {base / writer.target / name for name in document["sha256"]}
    rows = {name: frame.rows() for name, frame in panel.tables().items()}
    others = [str(file.relative_to(base)) for file in files if file not in named]
    return [panel.info.name, store.read_sections(base / writer.target), rows, others]


def in_fork(act: Callable[[], object], *, where: Path | None = None, kill_at: int = 0) -> int:
    """Run in a process of its own; return the steps on disk it took, or minus its signal or status."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        count_steps(where, kill_at, writer)
        try:
            act()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        n_steps = len(stream.read())
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return n_steps if status == 0 else -abs(status)


def in_fork_json(act: Callable[[], object]) -> object:
    """Return what a function returns in a process of its own, as JSON gives it back."""
    with tempfile.NamedTemporaryFile() as file:
        in_fork(lambda: Path(file.name).write_text(json.dumps(act())))
        return json.loads(Path(file.name).read_text())


def same(found: object, expected: object) -> None:
    if json.loads(json.dumps(found)) != expected:
        raise AssertionError(f"{found} instead of {expected}"[:2000])


def count_steps(where: Path | None, kill_at: int, pipe: int) -> None:
    """Write one byte a step on disk below a folder, and kill this process before the one that is named."""
    count = 0

    def note(event: str, details: tuple[object, ...]) -> None:
        nonlocal count
        if event not in STEPS or not any(str(where) in str(detail) for detail in details[:2]):
            return
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(pipe, b".")

    if where is not None:
        sys.addaudithook(note)


if __name__ == "__main__":
    main()
