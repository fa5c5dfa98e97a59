"""A manifest proposed for a file from what its columns are called and hold; doubts are marked."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from withintask.panel.apply import apply_mapping
from withintask.panel.atomic import save_text
from withintask.panel.consent import remember_outside
from withintask.panel.errors import ParameterError, SourceError, list_problems, some_examples
from withintask.panel.guesses import guess_control, guess_outcome, guess_period_rule
from withintask.panel.manifest import MANIFEST, read_manifest, toml_text
from withintask.panel.mapping import our_types, table_mapping
from withintask.panel.outcome import OutcomeKind
from withintask.panel.periods import has_time
from withintask.panel.roles import Role, propose_roles
from withintask.panel.schema import SCHEMA_VERSION, key_of
from withintask.panel.sniff import Column, Look, look_at


@dataclass(frozen=True, kw_only=True)
class Statements:
    """What the user says of a file; whatever is said is not doubted."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """ours -> theirs"""
    ignore: Sequence[str] = ()
    """their columns that are not used"""
    outcome: OutcomeKind | None = None
    by: str | None = None
    start: date | None = None
    first_ai_period: int | None = None
    control_arm: str | None = None
    task: str | None = None
    """the one task, if the file has no column for it"""
    items: bool = False
    """every row is an item"""
    leave_out_zeros: bool = False
    """rows whose output is zero are left out"""
    aggregate: str | None = None
    """how one output is made of those of a worker, task and period"""
    sheet: str = ""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A manifest and what is not certain in it."""

    text: str
    """the manifest, doubts as comments"""
    doubts: tuple[str, ...]
    """every doubt, one a line"""


def _line(key: str, value: Any) -> str:
    """Render one key; a mapping inline, so that it keeps to its line."""
    if isinstance(value, Mapping):
        inner = ", ".join(_line(name, part) for name, part in value.items())
        return f"{toml_text({key: 0}).partition(' =')[0]} = {{ {inner} }}"
    return toml_text({key: value}).rstrip()


@dataclass(kw_only=True)
class _Draft:
    """Lines of one section of the manifest, with the doubt of each."""

    values: dict[str, Any] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)

    def put(self, key: str, value: Any, doubt: str = "") -> None:
        self.values[key] = value
        if doubt:
            self.doubts[key] = doubt

    def lines(self, header: str) -> Iterator[str]:
        if self.values:
            yield f"\n[{header}]"
        for key, value in self.values.items():
            line = _line(key, value)
            yield f"{line}  # ? {self.doubts[key]}" if key in self.doubts else line


def propose(file: str | Path, *, folder: str | Path, stated: Statements | None = None) -> Proposal:
    """Propose how a file becomes a panel; nothing is written.

    Parameters
    ----------
    file
        CSV, Parquet, Stata, SPSS, Excel or R, in any shape with a row an observation.
    folder
        Where the manifest is to stand; it refers to the file by its path from there.
    stated
        What is known of the file.

    Raises
    ------
    SourceError
        If the file cannot be read.
    ParameterError
        If a stated column is not in the file, or no column looks like worker or output.
    """
    says = stated or Statements()
    look = look_at(Path(file), sheet=says.sheet)
    names = [column.name for column in look.columns]
    unknown = [name for name in (*says.columns.values(), *says.ignore) if name not in names]
    if unknown:
        message = f"{file}: no column {some_examples(unknown)}"
        raise ParameterError(f"{message}; columns are {', '.join(names)}")
    usable = [column for column in look.columns if column.name not in says.ignore]
    roles = propose_roles(usable, says.columns)
    _fail_if_none(file, roles, names)
    return _Proposer(look=look, says=says, roles=roles, folder=Path(folder)).proposal()


def write_proposal(proposal: Proposal, folder: Path) -> Path:
    """Write the manifest into a folder that has none.

    Raises
    ------
    SourceError
        If it has one: a manifest may have been edited and is never replaced.
    """
    manifest = folder / MANIFEST
    if manifest.exists():
        raise SourceError(f"{manifest}: is there already and may have been edited; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    save_text(manifest, proposal.text)
    tables = read_manifest(manifest).get("tables", {}).values()
    remember_outside(folder, {table["file"] for table in tables if "file" in table})
    return manifest


def _fail_if_none(file: str | Path, roles: Sequence[Role], names: list[str]) -> None:
    present = {role.ours for role in roles}
    problems = [
        f"no column looks like {ours}; say --column {ours}=…, one of {', '.join(names)}"
        for ours in ("worker_id", "output")
        if ours not in present
    ]
    if problems:
        raise ParameterError(list_problems(str(file), problems))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Proposer:
    look: Look
    says: Statements
    roles: tuple[Role, ...]
    folder: Path

    def proposal(self) -> Proposal:
        outputs, parts = self._outputs()
        mapped = self._mapped(outputs, parts)
        self._items(outputs, mapped)
        head = self._head(mapped)
        lines = [
            f"# Proposed for {self.look.file.name}. A line with `?` is a guess from names and values:",
            "# read it, correct it, then run withintask panel validate and withintask panel describe.",
            *head.lines("panel"),
            *outputs.lines("tables.outputs"),
        ]
        drafts = {"panel": head, "outputs": outputs}
        for name, draft in parts.items():
            lines += draft.lines(f"tables.outputs.{name}")
            drafts[f"outputs.{name}"] = draft
        for name, draft in self._abilities().items():
            lines += draft.lines(f"tables.{name}")
            drafts[name] = draft
        doubts = [
            f"{where}: {key}: {doubt}"
            for where, draft in drafts.items()
            for key, doubt in draft.doubts.items()
        ]
        return Proposal(text="\n".join(lines) + "\n", doubts=tuple(doubts))

    def _outputs(self) -> tuple[_Draft, dict[str, _Draft]]:
        """Sections of the table outputs, but for what the key and the rows need."""
        main, columns, dates, since = self._file(), _Draft(), _Draft(), _Draft()
        ranked = _Draft()
        codes: dict[str, _Draft] = {}
        for role in self.roles:
            if role.ours == "ability":
                continue
            column = self._column(role.theirs)
            columns.put(role.ours, role.theirs, role.doubt)
            if role.ours == "period":
                self._period(column, dates, codes)
                self._order(column, columns, ranked)
            if role.ours == "ai_access":
                self._access(column, columns, since, codes)
            if role.ours == "output":
                self._output(column, main, codes)
        self._access_by_arm(columns, codes)
        constants = self._constants()
        main.put("ignore", *self._unused())
        main.put("convert", self._to_convert())
        main.values = {key: value for key, value in main.values.items() if value != []}
        parts = {"columns": columns, "constants": constants, "dates": dates, "since": since}
        parts["ranked"] = ranked
        return main, parts | {f"codes.{name}": draft for name, draft in codes.items()}

    def _file(self) -> _Draft:
        draft, dialect = _Draft(), self.look.dialect
        draft.put("file", os.path.relpath(self.look.file, self.folder).replace(os.sep, "/"))
        if self.says.sheet:
            draft.put("sheet", self.says.sheet)
        if dialect is None:
            return draft
        if dialect.separator != ",":
            draft.put("separator", dialect.separator)
        if not dialect.header:
            doubt = "the first line holds numbers, so it was taken for a row"
            draft.put("header", False, doubt)
        if dialect.decimal_comma:
            draft.put("decimal_comma", True, "cells such as 1,5 occur")
        if len(dialect.null_values) > 1:
            words = some_examples([repr(word) for word in dialect.null_values[1:]])
            draft.put("null_values", list(dialect.null_values), f"{words} taken for missing")
        return draft

    def _column(self, name: str) -> Column:
        return next(column for column in self.look.columns if column.name == name)

    def _theirs(self, ours: str) -> Column | None:
        names = [role.theirs for role in self.roles if role.ours == ours]
        return self._column(names[0]) if names else None

    def _period(self, column: Column, dates: _Draft, codes: dict[str, _Draft]) -> None:
        if column.first_date is not None and column.last_date is not None:
            rule, doubt = guess_period_rule(column, by=self.says.by, start=self.says.start)
            dates.put("period", rule, doubt)
        elif not column.is_whole or (column.high or 0) > 99_999:
            draft = codes.setdefault("period", _Draft())
            for number, value in enumerate(self._sorted(column), start=1):
                draft.put(value, number, "in the order of the values, without gaps")

    def _order(self, column: Column, columns: _Draft, ranked: _Draft) -> None:
        """Where times tell the order of a worker's rows, take it."""
        worker, pattern = self._theirs("worker_id"), (*column.date_formats, "")[0]
        is_timed = column.dtype == pl.Datetime or has_time(pattern)
        if worker is None or not is_timed or self._theirs("sequence") is not None:
            return
        pairs = self.look.frame.select(worker.name, column.name).drop_nulls()
        if pairs.is_duplicated().any():
            return
        columns.put("sequence", column.name, "the order of each worker's rows by their times")
        ranked.put("sequence", pattern)

    def _sorted(self, column: Column) -> list[str]:
        return self.look.frame[column.name].drop_nulls().unique().cast(pl.String).sort().to_list()

    def _access(
        self, column: Column, columns: _Draft, since: _Draft, codes: dict[str, _Draft]
    ) -> None:
        period = self._theirs("period")
        if column.date_formats and period is not None:
            columns.put("ai_access", period.name, f"from the date in {column.name!r} on")
            rule = {"from": column.name, "format": column.date_formats[0], "never_if_null": True}
            since.put("ai_access", rule, "a row without date never has access")
        elif column.truths and not set(column.truths) <= {"true", "false"}:
            draft = codes.setdefault("ai_access", _Draft())
            for word, value in column.truths.items():
                draft.put(word, value)

    def _access_by_arm(self, columns: _Draft, codes: dict[str, _Draft]) -> None:
        """Where arms are known and access is not: AI in every arm but the control."""
        arm = self._theirs("arm")
        if arm is None or self._theirs("ai_access") is not None:
            return
        columns.put("ai_access", arm.name, "AI in every arm but the control")
        control = self.says.control_arm or guess_control(arm)[0]
        draft = codes.setdefault("ai_access", _Draft())
        for value in arm.values:
            draft.put(value, value != control)

    def _output(self, column: Column, main: _Draft, codes: dict[str, _Draft]) -> None:
        n_null = self.look.n_rows - column.n_known
        doubts = [f"{n_null:,} rows have no output"] if n_null else []
        if self.says.leave_out_zeros and column.n_zeros:
            main.put("null_if", {"output": [0]})
            doubts.append(f"{column.n_zeros:,} are zero: dropping these can select workers")
        if doubts:
            main.put("leave_out", ["output"], "; ".join(doubts))
        if column.truths and not column.is_number:
            draft = codes.setdefault("output", _Draft())
            for word, value in column.truths.items():
                draft.put(word, float(value))

    def _constants(self) -> _Draft:
        draft, present = _Draft(), {role.ours for role in self.roles}
        if "task_id" not in present:
            doubt = "" if self.says.task else "no column looks like a task, so there is one"
            draft.put("task_id", self.says.task or "task", doubt)
        if "period" not in present:
            draft.put("period", 1, "no column looks like a date or period, so there is one")
        return draft

    def _unused(self) -> tuple[list[str], str]:
        used = {role.theirs for role in self.roles}
        unused = [column.name for column in self.look.columns if column.name not in used]
        rest = [name for name in unused if name not in self.says.ignore]
        doubt = 'not used; or declare them: covariates = { name = "number" }' if rest else ""
        return unused, doubt

    def _to_convert(self) -> list[str]:
        if self.look.dialect is not None:
            return []
        mapping, _ = table_mapping("outputs", {"file": "x.parquet"})
        types = our_types(mapping)
        return [
            role.ours
            for role in self.roles
            if role.ours in types and self._column(role.theirs).dtype != types[role.ours]
        ]

    def _mapped(self, main: _Draft, parts: Mapping[str, _Draft]) -> pl.DataFrame:
        """The table as the draft gives it, to look at its keys and at when AI begins."""
        section: dict[str, Any] = dict(main.values)
        for name, draft in parts.items():
            if draft.values:
                group, _, inner = name.partition(".")
                target = section.setdefault(group, {})
                target.update({inner: draft.values} if inner else draft.values)
        suffix = self.look.file.suffix
        mapping, problems = table_mapping("outputs", section | {"file": f"x{suffix}"})
        if problems:
            raise ParameterError(list_problems(str(self.look.file), problems))
        return apply_mapping(self.look.frame.lazy(), mapping).frame.collect()

    def _items(self, main: _Draft, rows: pl.DataFrame) -> None:
        """Make rows that share a key items, or aggregate them as is stated."""
        key = key_of("outputs", rows.columns)
        n_twice = rows.height - rows.select(key).unique().height
        if self.says.aggregate:
            main.put("aggregate", {"output": self.says.aggregate})
        elif n_twice or self.says.items:
            doubt = f"{n_twice:,} rows share {', '.join(key)} with another: they look like items; "
            doubt += 'or aggregate = { output = "mean" }'
            if "item_id" not in key:
                main.put("items", "row", "" if self.says.items else doubt)

    def _head(self, rows: pl.DataFrame) -> _Draft:
        draft, says = _Draft(), self.says
        draft.put("schema", SCHEMA_VERSION)
        draft.put("name", self.look.file.stem)
        output = self._theirs("output")
        assert output is not None
        kind, doubt = guess_outcome(output)
        draft.put("outcome", says.outcome or kind, "" if says.outcome else doubt)
        if draft.values["outcome"] == "score":
            limits = "the lowest and highest that occur; put the rating's own limits"
            draft.put("outcome_floor", output.low, limits)
            draft.put("outcome_ceiling", output.high, limits)
        arm = self._theirs("arm")
        if arm is not None and "arm" in rows.columns:
            control, doubt = guess_control(arm)
            draft.put("control_arm", says.control_arm or control, "" if says.control_arm else doubt)
        first = says.first_ai_period
        if first is None and "ai_access" in rows.columns:
            found = rows.filter(pl.col("ai_access"))["period"].min()
            if isinstance(found, int):
                draft.put("first_ai_period", found, "the first period with access to AI")
        elif first is not None:
            draft.put("first_ai_period", first)
        return draft

    def _abilities(self) -> dict[str, _Draft]:
        """The table of abilities, of columns that are one for each worker."""
        worker = self._theirs("worker_id")
        names = [role.theirs for role in self.roles if role.ours == "ability"]
        if worker is None or not names:
            return {}
        main, columns, wide = self._file(), _Draft(), _Draft()
        main.put("one_a_key", True)
        main.put("leave_out", ["ability"], "workers without a measure have no row of it")
        if self.look.dialect is None:
            main.put("convert", ["worker_id", "ability"])
        columns.put("worker_id", worker.name)
        wide.put("by", "measure")
        wide.put("into", "ability")
        wide.put("columns", {name: name for name in names}, "measured before AI, by their names")
        return {"abilities": main, "abilities.columns": columns, "abilities.wide": wide}
