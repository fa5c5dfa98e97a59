"""Everything that is wrong with a panel on disk: what cannot be read and what breaks a rule."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from withintask.panel.store import load_panel
from withintask.panel.unchanged import files_of_panel, unchanged
from withintask.panel.validate import panel_violations


@dataclass(frozen=True, kw_only=True, eq=False)
class ViolationReport:
    """What was found in a panel on disk."""

    name: str
    """name of the panel"""
    violations: pl.DataFrame
    """``table, rule, n_rows, examples, meaning``; no row if the panel is valid"""


def violation_report(
    path: str | Path,
    *,
    with_outputs: bool = True,
    verify: bool = True,
    allow_outside: bool = False,
) -> ViolationReport:
    """Check a panel on disk, streaming its tables.

    Parameters
    ----------
    path
        As for :func:`withintask.panel.store.read_panel`.
    with_outputs
        Whether the table ``outputs`` must be there.
    verify, allow_outside
        As for :func:`withintask.panel.store.read_panel`.

    Raises
    ------
    SourceError
        If the path is not a panel, its mapping is wrong or a file changed while it was read.

    Notes
    -----
    Large files of text are parsed once: what was read is kept in a folder of this user alone under the system's folder for
    temporary files, until the report is made. Where its disk is too small they are parsed anew for each check.
    """
    with (
        TemporaryDirectory(prefix="withintask-", ignore_cleanup_errors=True) as folder,
        unchanged(files_of_panel(Path(path))),
    ):
        loaded = load_panel(path, verify=verify, allow_outside=allow_outside, spill=Path(folder))
        unread = set(loaded.problems["table"])
        expects_outputs = with_outputs and "outputs" not in unread
        broken = panel_violations(loaded.panel, with_outputs=expects_outputs)
    name = loaded.panel.info.name
    return ViolationReport(name=name, violations=pl.concat([loaded.problems, broken]))
