"""Fixtures shared by all tests."""

import os
import sys
from pathlib import Path

import pytest

# Before NumPy is loaded: tests run in as many processes as there are cores, and BLAS threads on top of them fight for these.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
# What tests of several folders share: command_line, reference_simulator, strategies.
sys.path.append(str(ROOT / "tests"))


def find_data_dir() -> Path | None:
    """Return the folder of published files, or None where there is none."""
    for candidate in (os.environ.get("WITHINTASK_DATA"), ROOT.parent / "shared" / "data"):
        if candidate and (Path(candidate) / "bls_oews").is_dir():
            return Path(candidate)
    return None


@pytest.fixture(scope="session")
def data_dir():
    """Return the folder of published files; skip the test where it is absent."""
    found = find_data_dir()
    if found is None:
        pytest.skip("published files not found: set WITHINTASK_DATA or provide ../shared/data")
    return found


def pytest_collection_modifyitems(items):
    """Mark tests on published files in the report, so that CI can count those that ran."""
    for item in items:
        if item.get_closest_marker("real_data"):
            item.user_properties.append(("real_data", "yes"))
