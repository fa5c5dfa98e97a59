"""Generators of data for property tests."""

import polars as pl
from hypothesis import strategies as st

from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.schema import LARGEST_PERIOD, SCHEMAS

# Text as a data owner may have it: any letter, quotes, commas, inner spaces and line ends.
TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters='\n\r\t",;'),
    min_size=1,
    max_size=8,
)
# Ids keep their leading zeros, and no two differ by them alone.
IDS = st.one_of(
    st.integers(0, 999).map(lambda number: f"{number:05d}"),
    st.text(st.characters(categories=("Lu", "Ll", "Lo")), min_size=1, max_size=6),
)
POSITIVE = st.floats(min_value=1e-300, max_value=1e300, allow_nan=False)
SHARES = st.floats(min_value=0, max_value=1)
REALS = st.floats(allow_nan=False, allow_infinity=False)
PERIODS = st.integers(-LARGEST_PERIOD, LARGEST_PERIOD)
OPTIONAL_TRUTH = st.none() | st.booleans()


def frames(table: str, columns: dict[str, st.SearchStrategy], *, max_rows: int = 6):
    """Tables of a schema with these columns, no two rows of equal key, any column left out."""
    schema = SCHEMAS[table]
    types = {name: column.dtype for name, column in schema.columns().items()}
    optional = [name for name in columns if schema.columns()[name].nullable]
    rows = st.lists(
        st.fixed_dictionaries(columns),
        max_size=max_rows,
        unique_by=lambda row: tuple(row[name] for name in schema.primary_key()),
    )

    def build(rows: list[dict[str, object]], left_out: set[str]) -> pl.DataFrame:
        kept = {name: dtype for name, dtype in types.items() if name in columns}
        return pl.DataFrame(rows, schema=kept).drop(left_out)

    left_out = st.sets(st.sampled_from(optional)) if optional else st.just(set())
    return st.builds(build, rows, left_out)


CODES = ("011", "15-1252", 'é,;"x')


def any_column(name: str, column) -> st.SearchStrategy:
    """Values that keep the rules of one column."""
    if name in ("occupation_code", "industry_code"):
        values = st.sampled_from(CODES)
    elif name.endswith("_bound"):
        values = st.sampled_from([">=", "<"])
    elif column.dtype == pl.String:
        values = IDS
    elif column.dtype == pl.Int64:
        values = PERIODS
    elif column.dtype == pl.Boolean:
        values = st.booleans()
    else:
        bounds = (column.min, column.max, column.min_exclusive)
        values = {
            (0, 1, None): SHARES,
            (0, None, None): st.floats(0, 1e300),
            (1, None, None): st.floats(1, 1e300),
            (None, None, 0): POSITIVE,
        }.get(bounds, REALS)
    return st.none() | values if column.nullable else values


@st.composite
def whole_tables(draw: st.DrawFn) -> dict[str, pl.DataFrame]:
    """Tables without workers; codes are found in occupations and industries."""
    tables = {}
    for name in ("firms", "postings", "screening", "education_pay", "occupation_pay"):
        columns = {n: any_column(n, c) for n, c in SCHEMAS[name].columns().items()}
        if name in ("firms", "postings"):
            columns["firm_id"] = st.sampled_from(["00017", "f"])
        if name == "occupation_pay":  # percentiles must not fall: one is enough
            columns = {n: s for n, s in columns.items() if "_p" not in n or n == "pay_p50"}
            columns = {n: s for n, s in columns.items() if not n.endswith("_bound")}
        tables[name] = draw(frames(name, columns))
    if set(tables["firms"]["firm_id"]) != {"00017", "f"}:
        tables["firms"] = None
    for name, code in (("occupations", "occupation_code"), ("industries", "industry_code")):
        tables[name] = pl.DataFrame({code: CODES})
    return {name: frame for name, frame in tables.items() if frame is not None}


@st.composite
def panels(draw: st.DrawFn) -> Panel:
    """Valid panels; their references hold."""
    worker_ids = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    task_ids = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    workers = draw(
        frames(
            "workers",
            {
                "worker_id": st.sampled_from(worker_ids),
                "ability_log": st.none() | REALS,
                "educ_cog": st.none() | st.floats(min_value=0, max_value=40),
            },
        )
    )
    known_workers = workers["worker_id"].to_list()
    tables = {
        "workers": workers,
        "tasks": draw(
            frames(
                "tasks",
                {
                    "task_id": st.sampled_from(task_ids),
                    "skill_type": st.sampled_from([None, "cog", "soc"]),
                    "exposure": st.none() | SHARES,
                },
            )
        ),
    }
    known_tasks = tables["tasks"]["task_id"].to_list()
    if known_workers and known_tasks:
        tables["outputs"] = draw(
            frames(
                "outputs",
                {
                    "worker_id": st.sampled_from(known_workers),
                    "task_id": st.sampled_from(known_tasks),
                    "period": PERIODS,
                    "firm_id": st.none() | st.just("00017"),
                    "ai_access": OPTIONAL_TRUTH,
                    "output": POSITIVE,
                    "unit": st.just(draw(st.none() | TEXTS)),
                },
            )
        )
        tables["pay"] = draw(
            frames(
                "pay",
                {
                    "worker_id": st.sampled_from(known_workers),
                    "period": PERIODS,
                    "pay": POSITIVE,
                },
            )
        )
    info = draw(
        st.builds(
            PanelInfo,
            name=TEXTS,
            source=st.text(st.characters(exclude_categories=("Cs",))),
            is_synthetic=st.booleans(),
            note=TEXTS,
        )
    )
    return Panel(info=info).with_tables(**tables, **draw(whole_tables()))
