"""Fixtures shared by all tests."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# Before NumPy is loaded: tests run in as many processes as there are cores, and BLAS threads on top of them fight for these.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# What a user's own state folder would keep is kept where tests may write.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="withintask-state-")

# A busy machine makes any example late, which says nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]
# What tests of several folders share: command_line, reference_simulator, strategies.
sys.path.append(str(ROOT / "tests"))


def find_data_dir() -> Path | None:
    """Return the folder of published files, or None where there is none."""
    return next((folder for folder in data_folders() if (folder / "bls_oews").is_dir()), None)


def data_folders():
    """List the folders of ``WITHINTASK_DATA``, separated as in PATH, and those beside the project."""
    named = os.environ.get("WITHINTASK_DATA", "").split(os.pathsep)
    beside = [ROOT.parent / "shared" / name for name in ("data", "data_new")]
    return [Path(folder) for folder in [*filter(None, named), *beside] if Path(folder).is_dir()]


@pytest.fixture(scope="session")
def data_dir():
    """Return the folder of published files; skip the test where it is absent."""
    found = find_data_dir()
    if found is None:
        pytest.skip("published files not found: set WITHINTASK_DATA or provide ../shared/data")
    return found


@pytest.fixture(scope="session")
def new_data_dir():
    """Return the folder of files that came later; skip the test where it is absent."""
    for folder in data_folders():
        if (folder / "microsoft_working_with_ai").is_dir():
            return folder
    pytest.skip("later files not found: add their folder to WITHINTASK_DATA")


def pytest_collection_modifyitems(items):
    """Mark tests on published files in the report, so that CI can count those that ran."""
    for item in items:
        if item.get_closest_marker("real_data"):
            item.user_properties.append(("real_data", "yes"))
