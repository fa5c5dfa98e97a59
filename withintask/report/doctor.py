"""What an installation has: versions, published data, engines, writable folders, a browser and LaTeX."""

import os
import platform
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

OKAY, MISSING, PROBLEM = "ok", "not there", "problem"
_PACKAGES = (
    "numpy",
    "scipy",
    "polars",
    "pyarrow",
    "duckdb",
    "statsmodels",
    "linearmodels",
    "pandas",
    "matplotlib",
)
_OPTIONAL = {
    "distributed": "pip install 'withintask[cluster]': studies over several computers",
    "pyreadstat": "pip install 'withintask[files]': Stata and SPSS files",
    "rdata": "pip install 'withintask[files]': files of R",
}
_PROGRAMS = {
    "LaTeX": ("tectonic", "pdflatex", "lualatex"),
    "Typst": ("typst",),
    "browser": ("chromium", "google-chrome", "firefox"),
}


def findings() -> list[tuple[str, str, str]]:
    """Return rows of what was looked for, its state, and which it is or what to do."""
    return [*_versions(), *_data(), *_engines(), *_folders(), *_programs()]


def _versions() -> list[tuple[str, str, str]]:
    rows = [
        (
            "Python",
            OKAY,
            f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        ),
        ("withintask", *_installed("withintask", "pip install withintask")),
    ]
    rows += [(name, *_installed(name, f"pip install {name}")) for name in _PACKAGES]
    return rows + [(name, *_installed(name, advice)) for name, advice in _OPTIONAL.items()]


def _installed(name: str, advice: str) -> tuple[str, str]:
    try:
        return OKAY, version(name)
    except PackageNotFoundError:
        return MISSING, advice


def _data() -> list[tuple[str, str, str]]:
    named = [root for root in os.environ.get("WITHINTASK_DATA", "").split(os.pathsep) if root]
    rows = []
    for root in (*named, "../shared/data"):
        path = Path(root)
        folders = (
            sorted(entry.name for entry in path.iterdir() if entry.is_dir())
            if path.is_dir()
            else []
        )
        state = OKAY if folders else MISSING
        what = (
            ", ".join(folders)
            if folders
            else "set WITHINTASK_DATA to the folder of published files"
        )
        rows.append((f"published data in {root}", state, what))
    return rows


def _engines() -> list[tuple[str, str, str]]:
    n = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
    dask = (
        "ok, with --dask ADDRESS" if _installed("distributed", "")[0] == OKAY else "not installed"
    )
    return [
        ("engines", OKAY, f"serial, threads and processes on {n or 1} cores; a cluster: {dask}")
    ]


def _folders() -> list[tuple[str, str, str]]:
    home = Path.home()
    folders = {
        "this folder": Path.cwd(),
        "temporary files": Path(tempfile.gettempdir()),
        "downloads": Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "withintask",
        "error logs": Path(os.environ.get("XDG_STATE_HOME") or home / ".local/state")
        / "withintask"
        / "log",
    }
    return [(name, *_writable(folder)) for name, folder in folders.items()]


def _writable(folder: Path) -> tuple[str, str]:
    """Whether a file can be written there, or could be once the folder is made."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        return PROBLEM, f"{folder}: cannot be written"
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return PROBLEM, f"{folder}: {error.strerror}"
    return OKAY, f"{folder} ({free / 1e9:,.0f} GB free)"


def _programs() -> list[tuple[str, str, str]]:
    rows = []
    for what, names in _PROGRAMS.items():
        path = next((where for name in names if (where := shutil.which(name))), None)
        rows.append(
            (
                what,
                OKAY if path else MISSING,
                path or f"none of {', '.join(names)}; only to compile or to look",
            )
        )
    return rows
