"""What comparing files with their SHA-256 adds to reading a panel.

Run ``python benchmarks/bench_checksums.py [n_rows] [repeats]`` (10 million rows, 5 times by default). Reading with and without
takes turns, so that both see the same machine; printed are the least seconds of processor time, which a busy machine does not
stretch, and their ratio. Hashing runs beside nothing else, so the clock shows the same ratio on an idle machine.
"""

import sys
import tempfile
import time
from pathlib import Path

from bench_panel import N_ROWS, run
from rows import record

from withintask.panel.store import read_panel

REPEATS = 5


def main() -> None:
    """Write the panel of ``bench_panel.py`` and read it in turns."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else N_ROWS
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else REPEATS
    with tempfile.TemporaryDirectory() as folder:
        run("--make", str(n_rows), folder)
        panel = Path(folder) / "panel"
        size = sum(file.stat().st_size for file in panel.iterdir())
        for lazy in (False, True):
            times = [
                (seconds(panel, lazy, True), seconds(panel, lazy, False)) for _ in range(repeats)
            ]
            verified, plain = (min(column) for column in zip(*times, strict=True))
            how = "lazy, checked" if lazy else "in memory, checked"
            record(
                key=f"checksums_{'lazy' if lazy else 'memory'}",
                what=f"read {n_rows:,} rows ({size / 1e6:,.0f} MB), {how}, with SHA-256",
                ours=verified,
                peer="the same without",
                theirs=plain,
                turns=repeats,
                note="least seconds of processor time",
            )


def seconds(panel: Path, lazy: bool, verify: bool) -> float:
    """Read once."""
    start = time.process_time()
    read_panel(panel, lazy=lazy, verify=verify)
    return time.process_time() - start


if __name__ == "__main__":
    main()
