"""The codebook: every table, column, unit and rule, rendered from the schemas."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from withintask.panel.outcome import OUTCOMES
from withintask.panel.rules import row_rules
from withintask.panel.schema import FOREIGN_KEYS, FURTHER_KEYS, ONE_UNIT, SCHEMA_VERSION, SCHEMAS

if TYPE_CHECKING:
    import dataframely as dy

_HEAD = f"""# Codebook of a within-task panel

Schema {SCHEMA_VERSION}. Only `outputs` is required; every other table, and every column that may
be null, unlocks estimators. A column that may be null may also be left out. Null means *not
known* unless the column says otherwise; it is never zero. The order of rows carries no meaning.
"""


def codebook() -> str:
    """Render the codebook as Markdown."""
    parts = [_HEAD, "\n".join(_outcome_lines()) + "\n"]
    for name, schema in SCHEMAS.items():
        parts.append("\n".join(_table_lines(name, schema)) + "\n")
    return "\n".join(parts)


def _outcome_lines() -> Iterator[str]:
    yield "## The outcome"
    yield ""
    yield "`outcome` in `panel.toml` says what `outputs.output` is; not stated, it is read as positive."
    yield ""
    yield "| outcome | meaning | values | compared on |"
    yield "|---|---|---|---|"
    for kind, outcome in OUTCOMES.items():
        yield f"| `{kind}` | {outcome.meaning} | {outcome.domain} | {outcome.analysed} |"


def _table_lines(name: str, schema: "type[dy.Schema]") -> Iterator[str]:
    yield f"## {name}"
    yield ""
    yield " ".join((schema.__doc__ or "").split())
    yield ""
    further = FURTHER_KEYS.get(name, ())
    also = (
        f"; where known, also {', '.join(f'`{column}`' for column in further)}" if further else ""
    )
    yield f"Key: {', '.join(f'`{column}`' for column in schema.primary_key())}{also}."
    yield ""
    yield "| column | type | unit | null means | meaning |"
    yield "|---|---|---|---|---|"
    for column_name, column in schema.columns().items():
        metadata = column.metadata or {}
        unit = metadata.get("unit", "")
        cells = [f"`{column_name}`", str(column.dtype), unit, metadata["null"], column.description]
        yield f"| {' | '.join(str(cell) for cell in cells)} |"
    yield ""
    yield "Rules:"
    yield ""
    yield f"- `primary_key`: no two rows share {', '.join(schema.primary_key())}"
    yield from (f"- `{rule.name}`: {rule.meaning}" for rule in row_rules(schema))
    yield from (
        f"- `{key.column}|dangling`: every {key.column} is found in {key.parent}, if that is there"
        for key in FOREIGN_KEYS
        if key.table == name
    )
    if name in ONE_UNIT:
        yield f"- `unit|mixed`: one unit a {ONE_UNIT[name] or 'table'}, in every row or in none"
    if name == "outputs":
        yield "- `ai_before_arrival`: no access to AI and no use before `first_ai_period`"
