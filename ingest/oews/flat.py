"""Read BLS flat files (``oe.data…``): one line a value, turned into the layout of the workbooks.

A series id is ``OE``, a seasonal letter, an area type, and the codes of area (7), industry (6),
occupation (6) and datatype (2). DuckDB reads and pivots the lines, so that memory stays bounded;
marks become those of the workbooks, and everything after that is shared with them.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from withintask.ingest.oews.extract import RawTable
from withintask.ingest.oews.reference import load_codes
from withintask.ingest.oews.vintages import WAGE_KINDS, ColumnSpec, Layouts, TopCode, Vintage
from withintask.panel.archives import check_gzip
from withintask.panel.errors import ParameterError, SourceError, list_problems, some_examples

FLAT_NAME = re.compile(r"^oe\.data\b.*?(\.txt|\.tsv)?(\.gz)?$", re.IGNORECASE)
LOOKUPS = ("area", "industry", "occupation", "footnote")
BATCH_ROWS = 50_000

_FIELDS = ("series_id", "year", "period", "value", "footnote_codes")
_SERIES = r"^OE[A-Z][A-Z]\d{7}.{6}\d{8}$"
_MEMORY = "512MB"
_AREA_TYPES_OF_LEVEL = {
    "national": "N",
    "industry": "N",
    "state": "S",
    "metro": "M",
    "nonmetro": "M",
}
_CROSS_INDUSTRY, _PRIVATE_ONLY = "000000", "000001"


def read_flat(
    path: Path, name: str, lookups: Mapping[str, Path], layouts: Layouts, *, level: str
) -> Iterator[RawTable]:
    """Yield the rows of a flat file in batches, in the layout of the workbooks.

    Parameters
    ----------
    path
        ``oe.data…``, gzipped or not.
    name
        Name to show.
    lookups
        Files ``oe.area``, ``oe.industry``, ``oe.occupation``, ``oe.footnote`` by their last name,
        as far as there are any; without them titles are null.
    layouts
        Tables of the layouts.
    level
        Series of other area types are not read.

    Raises
    ------
    SourceError
        If a line is not of the layout, a datatype or footnote is unknown, or a series stands twice.
    """
    titles = {kind: _read_lookup(lookup) for kind, lookup in lookups.items()}
    with _scratch_database() as con:
        _open_lines(con, path, name, level)
        _refuse_bad_lines(con, name, layouts)
        years = [
            row[0] for row in con.execute("SELECT DISTINCT year FROM lines ORDER BY 1").fetchall()
        ]
        for year in years:
            vintage = _vintage(int(year), name, layouts)
            top_code = _stated_top_code(titles, layouts) or vintage.top_code
            reader = con.sql(_pivot(year, layouts)).to_arrow_reader(BATCH_ROWS)
            for batch in reader:
                wide = pl.DataFrame(pl.from_arrow(batch))
                yield RawTable(
                    file=name,
                    where=name,
                    vintage=vintage,
                    top_code=top_code,
                    rows=_with_titles(wide, titles, vintage, layouts),
                    headers={column.name: column.name for column in layouts.columns},
                    n_blank=0,
                    n_repaired=0,
                    is_synthetic=False,
                )


@contextmanager
def _scratch_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in bounded memory that spills into a folder deleted afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="withintask-") as folder,
        duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": folder}) as con,
    ):
        con.execute("SET preserve_insertion_order = false")
        yield con


def _open_lines(con: duckdb.DuckDBPyConnection, path: Path, where: str, level: str) -> None:
    """Parse the lines into columns; the file is read once."""
    if path.suffix.lower() == ".gz":
        check_gzip(path)
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in _FIELDS)
    letter = _AREA_TYPES_OF_LEVEL.get(level)
    wanted = f"WHERE length(id) < 4 OR id[4] = '{letter}'" if letter else ""
    try:
        con.execute(
            f"""CREATE TEMP TABLE lines AS
            SELECT id, substr(id, 4, 1) AS area_type, substr(id, 5, 7) AS area,
                   substr(id, 12, 6) AS naics, substr(id, 18, 6) AS occ, substr(id, 24, 2) AS datatype,
                   year, period, value, note
            FROM (SELECT trim(series_id) AS id, trim(year) AS year, trim(period) AS period,
                         trim(value) AS value, trim(footnote_codes) AS note
                  FROM read_csv(?, delim='\t', header=true, quote='', escape='', comment='',
                                strict_mode=true, null_padding=false, columns={{{columns}}}))
            {wanted}""",
            [str(path)],
        )
    except duckdb.Error as fault:
        reason = " ".join(str(fault).split())[:300]
        raise SourceError(
            f"{where}: not a flat file of the columns {', '.join(_FIELDS)} ({reason})"
        ) from fault


def _refuse_bad_lines(con: duckdb.DuckDBPyConnection, where: str, layouts: Layouts) -> None:
    wages = _in_list(c.flat for c in layouts.measures if c.flat and c.kind in WAGE_KINDS)
    known = _in_list(c.flat for c in layouts.measures if c.flat)
    notes = {kind: _in_list(marks) for kind, marks in layouts.flat_marks.items()}
    checks = {
        "series id is not OE + 23 characters": f"NOT regexp_matches(id, '{_SERIES}')",
        "datatype is unknown": f"regexp_matches(id, '{_SERIES}') AND datatype NOT IN ({known})",
        "period is not A01": "period IS DISTINCT FROM 'A01'",
        "year is not a number": "NOT coalesce(regexp_matches(year, '^20\\d\\d$'), false)",
        "value is neither a number nor '-' with a known footnote": f"""
            NOT coalesce(regexp_matches(value, '^\\d+(\\.\\d+)?$'), false) AND NOT coalesce(
                value = '-' AND CASE WHEN datatype IN ({wages}) THEN note IN ({notes["wage"]})
                                     ELSE note IN ({notes["other"]}) END, false)""",
    }
    problems = []
    counted = ", ".join(f"count(*) FILTER (WHERE {rule})" for rule in checks.values())
    counts = con.execute(f"SELECT {counted} FROM lines").fetchall()[0]
    for (claim, rule), count in zip(checks.items(), counts, strict=True):
        if count:
            shown = con.execute(
                f"SELECT id, value, note FROM lines WHERE {rule} LIMIT 5"
            ).fetchall()
            examples = [" ".join(str(cell) for cell in row if cell is not None) for row in shown]
            problems.append(f"{claim}: {count:,} lines: {some_examples(examples)}")
    if not problems:
        repeated = "SELECT id || ' ' || year FROM lines GROUP BY 1 HAVING count(*) > 1 ORDER BY 1"
        twice = [row[0] for row in con.execute(repeated).fetchall()]
        if twice:
            problems.append(f"{len(twice):,} series stand twice: {some_examples(twice)}")
    if problems:
        raise SourceError(list_problems(where, problems))


def _pivot(year: str, layouts: Layouts) -> str:
    """Write the SQL for one row an occupation and area, with the marks of the workbooks."""
    measures = [column for column in layouts.measures if column.flat]
    cells = ", ".join(
        f"max(CASE WHEN datatype = '{c.flat}' THEN {_cell(c, layouts)} END) AS {c.name}"
        for c in measures
    )
    by_kind = {kind: _in_list(c.flat for c in measures if c.kind == kind) for kind in WAGE_KINDS}
    flags = ", ".join(
        f"max(CASE WHEN datatype IN ({codes}) AND note = '4' THEN 'TRUE' END) AS {flag}"
        for flag, codes in (
            ("is_annual_only", by_kind["hourly_wage"]),
            ("is_hourly_only", by_kind["annual_wage"]),
        )
    )
    return f"""SELECT area_type, area, naics, occ, {cells}, {flags} FROM lines WHERE year = '{year}'
               GROUP BY area_type, area, naics, occ ORDER BY area_type, area, naics, occ"""


def _cell(column: ColumnSpec, layouts: Layouts) -> str:
    marks = layouts.flat_marks["wage" if column.kind in WAGE_KINDS else "other"]
    cases = " ".join(f"WHEN '{note}' THEN '{mark}'" for note, mark in marks.items())
    return f"CASE WHEN value <> '-' THEN value ELSE CASE note {cases} END END"


def _with_titles(
    wide: pl.DataFrame, titles: Mapping[str, pl.DataFrame], vintage: Vintage, layouts: Layouts
) -> pl.DataFrame:
    """Add codes as the workbooks write them, titles from the lookups, and the missing columns."""
    named = wide.rename({"area": "flat_area", "naics": "flat_industry", "area_type": "letter"})
    for name, key, title in (
        ("area", "flat_area", "area_title"),
        ("industry", "flat_industry", "naics_title"),
        ("occupation", "occ", "occ_title"),
    ):
        lookup = titles.get(name, pl.DataFrame(schema={"code": pl.String, "title": pl.String}))
        lookup = lookup.select(pl.col("code").alias(key), pl.col("title").alias(title))
        named = named.join(lookup, on=key, how="left", validate="m:1", maintain_order="left")
    coded = named.with_columns(
        _area().alias("area"),
        _area_type(layouts).alias("area_type"),
        _naics(layouts).alias("naics"),
        _i_group().alias("i_group"),
        pl.when(pl.col("flat_industry") == _CROSS_INDUSTRY)
        .then(pl.lit(layouts.fill["own_code"]))
        .alias("own_code"),
        (pl.col("occ").str.slice(0, 2) + "-" + pl.col("occ").str.slice(2)).alias("occ_code"),
        pl.lit(None, dtype=pl.Int64).alias("source_row"),
    ).join(_o_groups(vintage), on="occ_code", how="left", maintain_order="left")
    absent = [c.name for c in layouts.columns if c.name not in coded.columns]
    return coded.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in absent).select(
        *(column.name for column in layouts.columns), "source_row"
    )


def _area() -> pl.Expr:
    code = pl.col("flat_area")
    return (
        pl.when(pl.col("letter") == "N")
        .then(pl.lit("99"))
        .when(pl.col("letter") == "S")
        .then(code.str.slice(0, 2))
        .when(code.str.starts_with("00"))
        .then(code.str.slice(2))
        .otherwise(code)
    )


def _area_type(layouts: Layouts) -> pl.Expr:
    code = pl.col("flat_area")
    is_territory = (pl.col("letter") == "S") & code.str.slice(0, 2).is_in(list(layouts.territories))
    is_nonmetro = (pl.col("letter") == "M") & ~code.str.starts_with("00")
    plain = pl.col("letter").replace_strict(
        dict(layouts.flat_area_types), default=None, return_dtype=pl.String
    )
    return (
        pl.when(is_territory).then(pl.lit("3")).when(is_nonmetro).then(pl.lit("6")).otherwise(plain)
    )


def _naics(layouts: Layouts) -> pl.Expr:
    code = pl.col("flat_industry")
    sector = code.replace_strict(
        dict(layouts.sector_codes), default=code.str.slice(0, 2), return_dtype=pl.String
    )
    return pl.when(code.str.contains("-", literal=True)).then(sector).otherwise(code)


def _i_group() -> pl.Expr:
    code = pl.col("flat_industry")
    n_digits = code.str.strip_chars_end("0").str.len_chars().clip(lower_bound=3)
    return (
        pl.when(code == _CROSS_INDUSTRY)
        .then(pl.lit("cross-industry"))
        .when(code == _PRIVATE_ONLY)
        .then(pl.lit("cross-industry, ownership"))
        .when(code.str.contains("-", literal=True))
        .then(pl.lit("sector"))
        .otherwise(pl.format("{}-digit", n_digits))
    )


def _o_groups(vintage: Vintage) -> pl.DataFrame:
    """Level of each code: detailed where the classification has it so, for it stands only once."""
    known = load_codes().filter(pl.col("classification") == vintage.classification)
    is_detailed = (pl.col("o_group") == "detailed").any()
    return known.group_by("occ_code").agg(
        pl.when(is_detailed)
        .then(pl.lit("detailed"))
        .otherwise(pl.col("o_group").first())
        .alias("o_group")
    )


def _read_lookup(path: Path) -> pl.DataFrame:
    """Return `code, title` of a lookup file: its first column and the first of names or texts."""
    table = pl.read_csv(path, separator="\t", infer_schema=False, quote_char=None)
    names = [name.strip() for name in table.columns]
    title = next((n for n in names if n.endswith(("_name", "_text"))), None)
    if title is None or not names[0].endswith("_code"):
        raise SourceError(f"{path.name}: columns …_code and …_name were expected, found {names}")
    cells = table.rename(dict(zip(table.columns, names, strict=True)))
    return cells.select(
        pl.col(names[0]).str.strip_chars().alias("code"),
        pl.col(title).str.strip_chars().alias("title"),
    )


def _stated_top_code(titles: Mapping[str, pl.DataFrame], layouts: Layouts) -> TopCode | None:
    texts = titles["footnote"]["title"].to_list() if "footnote" in titles else []
    return next(filter(None, map(layouts.top_code_in, texts)), None)


def _vintage(year: int, where: str, layouts: Layouts) -> Vintage:
    try:
        return layouts.vintage(year)
    except ParameterError as fault:
        raise SourceError(f"{where}: {fault}") from fault


def _in_list(texts: Iterable[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)
