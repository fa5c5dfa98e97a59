"""Run the command line in a process of its own, as a user does."""

import subprocess
import sys

COMMAND = [sys.executable, "-c", "from withintask.cli.main import main; main()"]


def run(*words, cwd):
    """Run `withintask` with the words given in a folder; returns exit status and what was printed."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
