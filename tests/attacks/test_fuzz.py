"""Changed bytes of workbooks and panels are read as they are or refused: nothing is lost in silence."""

import json
import os
import subprocess
import sys
from pathlib import Path

N_CASES = 10_000 if os.environ.get("WITHINTASK_ATTACK") == "1" else 400


def test_fuzzed_workbooks_and_panels_are_read_as_an_independent_reader_reads_them_or_refused():
    script = Path(__file__).parent / "fuzzing.py"
    done = subprocess.run(
        [sys.executable, str(script), str(N_CASES)],
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["problems"] == []
    assert found["n_cases"] == N_CASES
    assert min(found["outcomes"].values()) > N_CASES / 100
