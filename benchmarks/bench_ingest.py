"""Time the OEWS loader against pandas + openpyxl loaders of the same files.

Run ``python benchmarks/bench_ingest.py SOURCE_DIR`` where SOURCE_DIR holds the national workbooks
of May 2019-2024 and the state flat file. Two peers are timed: one that turns marks into missing
values, as most scripts do, and one that keeps value, bound and status of every measure with the
top code of each workbook, as ours does; their results are compared with ours first. Every run is a
process of its own, loaders in turn, which reports wall and processor time of the work after imports
and the peak of its resident memory. ``--values N`` sets the length of the synthetic flat file.
"""

import argparse
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rows import record

WAGES = [f"{s}_{n}" for s in "ha" for n in ("mean", "pct10", "pct25", "median", "pct75", "pct90")]
OTHERS = ["tot_emp", "emp_prse", "jobs_1000", "loc_quotient", "pct_total", "pct_rpt", "mean_prse"]
HEADER = "series_id\tyear\tperiod\tvalue\tfootnote_codes"
N_DATATYPES = 17
MIB = 2**20
REPEATS = 5


def clock():
    """Wall and processor time in seconds; a case starts it after its imports."""
    return time.perf_counter(), time.process_time()


def national(source):
    from withintask.ingest.oews.harmonize import harmonize

    start = clock()
    rows = harmonize(source, range(2019, 2025)).wages.height
    return rows, start


def national_values(source):
    """Load as most scripts do: the first sheet of every file, marks to missing values."""
    import pandas as pd

    start = clock()
    frames = []
    for path in sorted(Path(source).glob("national_M20*_dl.xlsx")):
        frame = pd.read_excel(path, engine="openpyxl", dtype=str)
        frame.columns = [name.lower() for name in frame.columns]
        for name in {*WAGES, *OTHERS} & set(frame.columns):
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
        frames.append(frame.assign(year=year_of(path)))
    return len(pd.concat(frames)), start


def national_full(source):
    start = clock()
    return len(load_with_pandas(source)), start


def load_with_pandas(source):
    """Keep value, bound and status of every measure, with the top code that each file states."""
    import pandas as pd

    frames = []
    for path in sorted(Path(source).glob("national_M20*_dl.xlsx")):
        sheets = pd.read_excel(path, engine="openpyxl", dtype=str, sheet_name=None)
        frame, notes = next(iter(sheets.values())), sheets["Field Descriptions"]
        frame.columns = [name.lower() for name in frame.columns]
        text = " ".join(notes.fillna("").to_numpy().ravel())
        hourly, annual = re.search(r"\$([\d.]+) per hour or \$([\d,]+) per year", text).groups()
        caps = {"h": float(hourly), "a": float(annual.replace(",", ""))}
        frame = frame.assign(year=year_of(path))
        frames.append(with_bounds(frame, caps))
    return pd.concat(frames)


def with_bounds(frame, caps):
    import pandas as pd

    flags = {"h": frame["annual"].eq("TRUE"), "a": frame["hourly"].eq("TRUE")}
    reasons = {"h": "annual_only", "a": "hourly_only"}
    columns = {}
    for name in [n for n in (*WAGES, *OTHERS) if n in frame.columns]:
        text = frame[name].str.strip()
        value = pd.to_numeric(text, errors="coerce")
        is_top, is_few = text.eq("#"), text.eq("~")
        status = pd.Series("published", index=frame.index).where(value.notna())
        status = status.mask(text.isin(["*", "**"]), "not_available").mask(
            is_few, "below_half_percent"
        )
        status = status.mask(is_top, "top_coded")
        if name in WAGES:
            scale = name[0]
            status = status.mask(status.eq("not_available") & flags[scale], reasons[scale])
            value = value.mask(is_top, caps[scale])
        columns[name] = value.mask(is_few, 0.5)
        columns[f"{name}_bound"] = pd.Series(None, index=frame.index, dtype=object).mask(
            is_top, ">="
        )
        columns[f"{name}_bound"] = columns[f"{name}_bound"].mask(is_few, "<")
        columns[f"{name}_status"] = status
    keys = frame[["year", "occ_code", "occ_title", "o_group"]]
    return pd.concat([keys, pd.DataFrame(columns)], axis=1)


def year_of(path):
    return int(re.search(r"M(20\d\d)", path.name)[1])


def same_result(source):
    """Compare every wage, its bound and its status with ours; return the number of cells."""
    import polars as pl

    from withintask.ingest.oews.harmonize import harmonize

    start = clock()
    names = [f"{n}{s}" for n in (*WAGES, "tot_emp") for s in ("", "_bound", "_status")]
    keys = ["year", "occ_code", "o_group"]
    ours = harmonize(source, range(2019, 2025)).wages.select(*keys, *names).sort(keys)
    theirs = pl.from_pandas(load_with_pandas(source)[[*keys, *names]].reset_index(drop=True))
    assert theirs.cast(ours.schema).sort(keys).equals(ours)
    return ours.height * len(names), start


def state(source):
    from withintask.ingest.oews.harmonize import harmonize

    start = clock()
    return int(harmonize(source, level="state").audit["n_cells"].sum()), start


def build(source):
    from withintask.ingest.store import build_oews

    start = clock()
    with tempfile.TemporaryDirectory() as folder:
        built = build_oews(source, Path(folder) / "oews.duckdb", level="all")
    return int(built.audit["n_cells"].sum()), start


CASES = {
    "national": national,
    "national_values": national_values,
    "national_full": national_full,
    "same_result": same_result,
    "state": state,
    "build": build,
}


def measure(*cases, source, repeats=REPEATS):
    """Run cases in turn, each run a fresh process, so that other load falls on all alike."""
    runs = {case: [] for case in cases}
    for _ in range(repeats):
        for case in cases:
            command = [sys.executable, __file__, str(source), "--case", case]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            runs[case].append(json.loads(done.stdout))
    return [Typical.of(runs[case]) for case in cases]


@dataclass(frozen=True)
class Typical:
    """Values read; median wall and processor seconds and largest peak in MiB of some runs."""

    n: int
    wall: float
    cpu: float
    peak: float

    @classmethod
    def of(cls, runs):
        """Take the median of each figure over the runs of a case."""
        middle = {name: statistics.median(run[name] for run in runs) for name in ("wall", "cpu")}
        return cls(n=runs[0]["n"], peak=max(run["peak"] for run in runs), **middle)


def run_case(case, source):
    import resource

    n, start = CASES[case](source)
    wall, cpu = (now - then for now, then in zip(clock(), start, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB
    print(json.dumps({"n": n, "wall": wall, "cpu": cpu, "peak": peak}))


def write_flat(folder, n_values):
    """Write a flat file of metropolitan areas, all detailed occupations and all datatypes."""
    from withintask.ingest.oews.reference import load_codes

    codes = load_codes()
    wanted = (codes["classification"] == "oews2021") & (codes["o_group"] == "detailed")
    occupations = [code.replace("-", "") for code in codes.filter(wanted)["occ_code"]]
    written = 0
    with (folder / "oe.data.1.AllData").open("w") as stream:
        stream.write(HEADER + "\n")
        for area in range(10_000, 100_000):
            for occupation in occupations:
                for datatype in range(1, N_DATATYPES + 1):
                    series = f"OEUM00{area}000000{occupation}{datatype:02d}"
                    stream.write(f"{series}\t2025\tA01\t{written % 90_000 + 10_000}\t\n")
                    written += 1
            if written >= n_values:
                return written
    raise SystemExit("too many values")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--values", type=int, default=6_000_000)
    options = parser.parse_args()
    if options.case:
        run_case(options.case, options.source)
        return
    print("load average {:.1f} {:.1f} {:.1f}".format(*os.getloadavg()))
    peers = {"national_full": "same columns", "national_values": "values only"}
    if importlib.util.find_spec("openpyxl"):
        (same,) = measure("same_result", source=options.source, repeats=1)
        print(f"{same.n:,} values, bounds and statuses equal those of pandas + openpyxl")
        ours, *others = measure("national", *peers, source=options.source)
    else:
        (ours,), others = measure("national", source=options.source), [None, None]
    for what, peer in zip(peers.values(), others, strict=True):
        record(
            key=f"oews_{what.replace(' ', '_')}",
            what=f"OEWS national 2019-2024, {ours.n:,} rows",
            ours=ours.wall,
            peak=ours.peak * MIB / 1e9,
            peer=f"pandas + openpyxl, {what}",
            theirs=peer and peer.wall,
            ratio_limit=1.0,
            turns=REPEATS,
            note=f"{ours.cpu:.2f} s of processors" + (f"; peer {peer.cpu:.2f}" if peer else ""),
        )
    (state_file,) = measure("state", source=options.source, repeats=3)
    record(
        key="oews_state",
        what=f"OEWS flat file of states, {state_file.n:,} values",
        ours=state_file.wall,
        peak=state_file.peak * MIB / 1e9,
        turns=3,
    )
    with tempfile.TemporaryDirectory() as folder:
        written = write_flat(Path(folder), options.values)
        (built,) = measure("build", source=folder, repeats=1)
        size = (Path(folder) / "oe.data.1.AllData").stat().st_size / MIB
    assert built.n == written
    record(
        key="oews_flat",
        what=f"synthetic flat file, {built.n:,} values, {size:.0f} MiB, built into DuckDB",
        ours=built.wall,
        peak=built.peak * MIB / 1e9,
    )


if __name__ == "__main__":
    main()
