"""Your own measure of exposure: a table of codes and values, and a description beside it.

``withintask exposure add`` writes ``NAME.exposure.toml`` beside the table. A folder that holds the
two is read like any other: the description says which column has the codes, of which
classification they are, which column has the values and how these are scaled.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure.ilo import CROSSWALK, isco_to_soc
from withintask.ingest.exposure.schema import EXPOSURE_OCCUPATION
from withintask.ingest.exposure.to_soc import CLASSIFICATIONS, add_soc2018, add_through
from withintask.ingest.parse import parse_numbers
from withintask.ingest.publication import Publication
from withintask.ingest.text_tables import TextTable, plain_name, read_table
from withintask.panel.atomic import save_text
from withintask.panel.errors import (
    ParameterError,
    SourceError,
    list_problems,
    quoted,
    some_examples,
)

SUFFIX = ".exposure.toml"
SOURCE = "own"
ISCO = "isco08"
KNOWN_CODES = (*CLASSIFICATIONS, ISCO)
SCALES = ("zscore", "rank", "minmax")
_KEYS = ("file", "name", "code", "code_column", "value", "scale", "release")
_TEXTS = ("unit", "population", "period", "citation")
_MOST_UNMATCHED = 0.5
_NAME = r"[a-z][a-z0-9_]*"


@dataclass(frozen=True, kw_only=True)
class AddedMeasure:
    """A measure that was described, and how its codes were matched."""

    description: Path
    """The file that was written."""
    rows: pl.DataFrame
    """Rows of `exposure_occupation` that a store will have of it."""
    unmatched: list[str]
    """Codes that lead to no SOC 2018 code."""


def add_measure(
    path: str | Path,
    *,
    code: str,
    value: str,
    code_column: str = "",
    name: str = "",
    scale: str = "",
    texts: Mapping[str, str] | None = None,
) -> AddedMeasure:
    r"""Describe a table of your own, so that a store reads it as a measure of exposure.

    Parameters
    ----------
    path
        Table as csv, tsv, txt or xlsx, one row a code.
    code
        Classification of the codes, one of :data:`KNOWN_CODES`.
    value
        Column of the values; any range, negative ones too. A blank is unknown.
    code_column
        Column of the codes; found by their form if left out.
    name
        Name of the measure; that of the column if left out.
    scale
        Add the measure on another scale: ``zscore``, ``rank`` (0 to 1) or ``minmax``.
    texts
        `unit`, `population`, `period` and `citation`, for the table `exposure_measure`.

    Returns
    -------
    AddedMeasure
        Where the description lies, and what of the table could be read.

    Raises
    ------
    ParameterError
        If a choice is unknown, or another file beside it describes a measure of this name.
    SourceError
        If the table is not what is said of it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import withintask as wt
    >>> table = Path(tempfile.mkdtemp()) / "mine.csv"
    >>> _ = table.write_text("soc,score\n15-1252,0.9\n41-2031,0.2\n")
    >>> added = wt.add_measure(table, code="soc2018", value="score", name="mine")
    >>> added.rows["value"].to_list()
    [0.9, 0.2]
    """
    table_path = Path(path)
    if not table_path.is_file():
        raise SourceError(f"{table_path}: no such file")
    described = {
        "file": table_path.name,
        "name": name or plain_name(value),
        "code": code,
        "code_column": code_column,
        "value": value,
        "scale": scale,
        "release": "1",
        **(texts or {}),
    }
    target = table_path.with_name(f"{described['name']}{SUFFIX}")
    _refuse_choices(described, target)
    publication = _publication(table_path, target)
    rows = _read(publication, described)
    lost = rows.filter(pl.col("match_quality") == "unmatched")["source_code"].unique().sort()
    save_text(target, _toml(described))
    return AddedMeasure(description=target, rows=rows, unmatched=lost.to_list())


def read_own(publication: Publication) -> pl.DataFrame:
    """Read a described table into rows of `exposure_occupation`.

    Raises
    ------
    SourceError
        If the description or the table is not in order.
    """
    described = load_description(publication.path)
    try:
        _refuse_choices(described, publication.path)
    except ParameterError as fault:
        raise SourceError(f"{publication.name}: {fault}") from fault
    return _read(publication, described)


def load_description(path: Path) -> dict[str, Any]:
    """Read a description.

    Raises
    ------
    SourceError
        If it is no TOML, or keys are missing or unknown.
    """
    try:
        described = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SourceError(f"{path.name}: not readable as TOML ({fault})") from fault
    problems = [f"no key {quoted(key)}" for key in _KEYS if key not in described]
    problems += [f"unknown key {quoted(key)}" for key in described if key not in (*_KEYS, *_TEXTS)]
    if problems:
        raise SourceError(list_problems(path.name, problems))
    return described


def describe_own(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what the table `exposure_measure` says of the measures of a description."""
    described = load_description(path)
    texts = {key: described.get(key) for key in _TEXTS}
    shared = {**texts, "classification": described["code"]}
    name, scale = described["name"], described["scale"]
    own = {(SOURCE, name): shared}
    if scale:
        ends = (None, None) if scale == "zscore" else (0.0, 1.0)
        scaled = {**shared, "unit": scale, "low": ends[0], "high": ends[1]}
        own[SOURCE, f"{name}_{scale}"] = scaled
    return own


def _refuse_choices(described: Mapping[str, Any], target: Path) -> None:
    problems = []
    if described["code"] not in KNOWN_CODES:
        known = ", ".join(KNOWN_CODES)
        problems.append(f"classification {quoted(described['code'])} is not one of {known}")
    if described["scale"] and described["scale"] not in SCALES:
        problems.append(f"scale {quoted(described['scale'])} is not one of {', '.join(SCALES)}")
    if not re.fullmatch(_NAME, str(described["name"])):
        problems.append(
            f"name {quoted(described['name'])}: lower-case letters, digits and underscores are expected"
        )
    if target.is_file() and load_description(target)["file"] != described["file"]:
        problems.append(f"{target.name} describes another file already; give another --name")
    if problems:
        raise ParameterError(list_problems("the measure", problems))


def _publication(table: Path, description: Path) -> Publication:
    beside = tuple(other for other in sorted(table.parent.glob("*")) if _is_crosswalk(other))
    return Publication(
        kind="own_measure", folder=table.parent, path=description, companions=(table, *beside)
    )


def _is_crosswalk(path: Path) -> bool:
    return re.fullmatch(CROSSWALK, path.name, re.IGNORECASE) is not None


def companions_of(path: Path) -> tuple[Path, ...]:
    """Return the table that a description names, and a crosswalk of ISCO beside it."""
    table = path.with_name(str(load_description(path)["file"]))
    if not table.is_file():
        raise SourceError(
            f"{path.name}: its table {table.name} is not beside it; put it there, or leave the "
            f"description out: --skip '{path.name}'"
        )
    return _publication(table, path).companions


def _read(publication: Publication, described: Mapping[str, Any]) -> pl.DataFrame:
    path = publication.companions[0]
    where = publication.relative(path)
    value = plain_name(described["value"])
    table = read_table(path, where, [value])
    column = _code_column(table, described)
    rows = parse_numbers(table.rows, [value], table.where)
    named = rows.select(
        _code(described["code"], column).alias("source_code"), pl.col(value).alias("value")
    ).filter(pl.col("source_code").is_not_null() | pl.col("value").is_not_null())
    _refuse_rows(named, table.where)
    mapped = _mapped(named, described["code"], publication)
    _refuse_unmatched(named, mapped, described["code"], table.where)
    parts = [mapped.with_columns(pl.lit(described["name"]).alias("measure"))]
    if described["scale"]:
        scaled = _scaled(named, described["scale"], table.where)
        label = pl.lit(f"{described['name']}_{described['scale']}").alias("measure")
        others = mapped.drop("value").join(scaled, on="source_code", how="left")
        parts.append(others.with_columns(label))
    return EXPOSURE_OCCUPATION.conform(
        pl.concat(parts, how="diagonal").with_columns(
            pl.lit(SOURCE).alias("source"),
            pl.lit(str(described["release"])).alias("release"),
            pl.lit(None, dtype=pl.String).alias("source_title"),
            pl.lit("mean").alias("aggregation"),
            pl.lit(publication.name).alias("source_file"),
        )
    )


_FORMS = {"onet": r"^[0-9]{2}-?[0-9]{4}\.[0-9]{2}$", ISCO: r"^[0-9]{1,4}$"}
_SOC_FORM = r"^[0-9]{2}-?[0-9]{4}$"


def _code_column(table: TextTable, described: Mapping[str, Any]) -> str:
    """Return the column of codes: the one named, or the only one whose cells have their form."""
    if described["code_column"]:
        column = plain_name(described["code_column"])
        if column not in table.rows.columns:
            raise SourceError(f"{table.where}: no column {quoted(described['code_column'])}")
        return column
    form = _form(described["code"])
    value = plain_name(described["value"])
    like = [
        name
        for name in table.rows.columns
        if name not in (value, "source_row")
        and table.rows[name].drop_nulls().str.contains(form).mean() == 1
    ]
    if len(like) != 1:
        found = ", ".join(like) or "none"
        raise SourceError(
            f"{table.where}: which column has the {described['code']} codes? Columns of their form: "
            f"{found}. Say it with --code-column"
        )
    return like[0]


def _form(classification: str) -> str:
    if classification.startswith("onet"):
        return _FORMS["onet"]
    return _FORMS.get(classification, _SOC_FORM)


def _code(classification: str, column: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars()
    if classification == ISCO:
        return text.str.zfill(4)
    return text.str.replace(r"^([0-9]{2})([0-9]{4}(\.[0-9]{2})?)$", "$1-$2")


def _refuse_rows(named: pl.DataFrame, where: str) -> None:
    problems = []
    if n_blank := named["source_code"].null_count():
        problems.append(f"{n_blank:,} values have no code")
    twice = named.filter(pl.col("source_code").is_duplicated())["source_code"].unique().sort()
    if len(twice):
        problems.append(f"{len(twice):,} codes stand twice: {some_examples(twice.to_list())}")
    if named["value"].drop_nulls().n_unique() < 2:
        problems.append("the values are all the same, or there are none")
    if problems:
        raise SourceError(list_problems(where, problems))


def _mapped(named: pl.DataFrame, classification: str, publication: Publication) -> pl.DataFrame:
    if classification != ISCO:
        return add_soc2018(named, classification)
    beside = Publication(
        kind="", folder=publication.folder, path=publication.path,
        companions=publication.companions[1:],
    )  # fmt: skip
    links = isco_to_soc(beside)
    if links.is_empty():
        raise SourceError(
            f"{publication.name}: ISCO-08 goes to SOC by the crosswalk of BLS, saved as "
            "isco_soc_crosswalk.xlsx or .csv beside the table"
        )
    return add_through(named, links, "soc2010")


def _refuse_unmatched(
    named: pl.DataFrame, mapped: pl.DataFrame, classification: str, where: str
) -> None:
    lost = _share_lost(mapped)
    if lost <= _MOST_UNMATCHED:
        return
    shares = {
        other: _share_lost(add_soc2018(named, other))
        for other in CLASSIFICATIONS
        if other != classification
    }
    best = min(shares, key=lambda other: shares[other])
    hint = f" Of {best} {1 - shares[best]:.0%} are." if shares[best] < lost else ""
    codes = mapped.filter(pl.col("match_quality") == "unmatched")["source_code"].unique().sort()
    raise SourceError(
        f"{where}: {lost:.0%} of the codes are not of {classification}: "
        f"{some_examples(codes.to_list())}.{hint}"
    )


def _share_lost(mapped: pl.DataFrame) -> float:
    is_lost = pl.col("match_quality") == "unmatched"
    codes = mapped.group_by("source_code").agg(is_lost.all().alias("is_lost"))
    return float(codes["is_lost"].sum() / max(codes.height, 1))


def _scaled(named: pl.DataFrame, scale: str, where: str) -> pl.DataFrame:
    value = pl.col("value")
    if scale == "zscore":
        new = (value - value.mean()) / value.std()
    elif scale == "minmax":
        new = (value - value.min()) / (value.max() - value.min())
    else:
        new = (value.rank() - 1) / (value.count() - 1)
    scaled = named.select("source_code", new.alias("value"))
    if not scaled["value"].drop_nulls().is_finite().all():
        raise SourceError(f"{where}: the values cannot be put on the scale {scale}")
    return scaled


def _toml(described: Mapping[str, Any]) -> str:
    def quoted(text: object) -> str:
        return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = [f"{key} = {quoted(text)}" for key, text in described.items()]
    return "\n".join(["# A measure of exposure of one's own; read with its table.", *lines]) + "\n"


def own_descriptions(paths: Sequence[Path]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what `exposure_measure` says of all described measures among some files."""
    return {
        key: text
        for path in paths
        if path.name.endswith(SUFFIX)
        for key, text in describe_own(path).items()
    }


ADAPTERS = (
    Adapter(
        kind="own_measure",
        table=EXPOSURE_OCCUPATION,
        name_pattern=r".*\.exposure\.toml",
        companions_of=companions_of,
        read=read_own,
    ),
)
