"""An empty set of tables to fill in, with its manifest and codebook."""

from pathlib import Path

from withintask.panel.atomic import replacing_folder, save_text
from withintask.panel.codebook import codebook
from withintask.panel.errors import SourceError
from withintask.panel.manifest import MANIFEST
from withintask.panel.schema import SCHEMA_VERSION, SCHEMAS

CODEBOOK = "CODEBOOK.md"

_HEAD = f"""# A within-task panel. Fill in the CSV files and delete the tables you do not have: the
# file, and its lines at the end of this one. Then run: withintask panel validate .
# CODEBOOK.md says what each column means. Only the table outputs is required.

[panel]
schema = {SCHEMA_VERSION}
name = "my panel"
source = ""                  # where the data come from
# first_ai_period = 1        # the first period in which AI exists, in the count of `period`
is_synthetic = false
note = ""

# outcome = "positive"       # or time, count, binary, score (outcome_floor, outcome_ceiling), log
# control_arm = "control"    # where outputs has arms

# If your columns, units or codes differ from ours, say so instead of renaming;
# `withintask panel from FILE` proposes these lines for a file as it is:
# [tables.outputs]
# file = "calls 2024.csv"    # or a Parquet file
# separator = ";"            # a comma if left out
# decimal_comma = true       # if 1,5 is one and a half
# null_values = ["", "NA"]   # unquoted empty cells if left out
# sorted = ["worker_id", "period"]              # checked, if you say so
# ignore = ["comment"]                          # your columns that are left out on purpose
# columns = {{ worker_id = "Employee", period = "Month", output = "Calls", ai_access = "AI" }}
# scale = {{ output = 0.125 }}                    # ours = yours x 0.125: calls a day -> an hour
# constants = {{ task_id = "support", unit = "calls an hour" }}
# [tables.outputs.codes]                        # yours = ours; every value must be listed
# ai_access = {{ yes = true, no = false }}
# period = {{ "2024-01" = 1, "2024-02" = 2 }}
"""


def write_template(folder: str | Path) -> Path:
    """Write an empty CSV file for each table, a manifest and the codebook.

    Parameters
    ----------
    folder
        A new or empty folder.

    Returns
    -------
    pathlib.Path
        The folder, which is a valid panel without rows.

    Raises
    ------
    SourceError
        If the folder holds anything.
    """
    target = Path(folder)
    _fail_if_not_empty(target)
    if target.exists():
        _write(target)
        return target
    with replacing_folder(target) as staging:
        _fail_if_not_empty(target)
        _write(staging)
    return target


def _fail_if_not_empty(target: Path) -> None:
    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise SourceError(f"{target}: is not empty; name a new folder for the template")


def _write(target: Path) -> None:
    sections = [_HEAD]
    for name, schema in SCHEMAS.items():
        save_text(target / f"{name}.csv", ",".join(schema.column_names()) + "\n")
        sections.append(f'[tables.{name}]\nfile = "{name}.csv"\n')
    save_text(target / CODEBOOK, codebook())
    save_text(target / MANIFEST, "\n".join(sections))
