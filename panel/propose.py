"""A manifest proposed for a file from what its columns are called and hold; doubts are marked."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from withintask.panel.apply import apply_mapping
from withintask.panel.draft import Draft
from withintask.panel.errors import ParameterError, all_named, list_problems, quoted
from withintask.panel.families import Family, side_by_side
from withintask.panel.guesses import (
    guess_control,
    guess_covariate,
    guess_outcome,
    guess_period_rule,
)
from withintask.panel.mapping import COVARIATE_TYPES, our_types, table_mapping
from withintask.panel.periods import has_time
from withintask.panel.proposal import Proposal
from withintask.panel.roles import Role, propose_roles
from withintask.panel.schema import SCHEMA_VERSION, key_of
from withintask.panel.sniff import Column, Look, column_of, look_at
from withintask.panel.statements import Statements


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
    look = look_at(Path(file), sheet=says.sheet, labels=says.labels)
    names = [column.name for column in look.columns]
    stated_names = (*says.columns.values(), *says.ignore, *says.covariates)
    unknown = [name for name in stated_names if name not in names]
    if unknown:
        message = f"{file}: no column {all_named(unknown)}"
        raise ParameterError(f"{message}; columns are {all_named(names)}")
    apart = {*says.ignore, *says.covariates}
    usable = [column for column in look.columns if column.name not in apart]
    roles = _roles(usable, says)
    is_told = "output" in says.columns or "period" in says.columns
    family = None if is_told else side_by_side(look, usable, roles)
    if family is not None:
        rest = [column for column in usable if column.name not in family.columns]
        taken = ("output", family.by, "ability")
        roles = tuple(role for role in _roles(rest, says) if role.ours not in taken)
    _fail_if_none(file, roles, names, family)
    proposer = _Proposer(look=look, says=says, roles=roles, family=family, folder=Path(folder))
    return proposer.proposal()


def _roles(columns: Sequence[Column], says: Statements) -> tuple[Role, ...]:
    """What each column is taken for; none for the task where one task is stated."""
    roles = propose_roles(columns, says.columns)
    return tuple(role for role in roles if role.ours != "task_id" or not says.task)


def _fail_if_none(
    file: str | Path, roles: Sequence[Role], names: list[str], family: Family | None
) -> None:
    present = {role.ours for role in roles} | ({"output"} if family else set())
    problems = [
        f"no column looks like {ours}; say --column {ours}=…, one of {all_named(names)}"
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
    family: Family | None
    """columns of output that stand side by side"""
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

    def _outputs(self) -> tuple[Draft, dict[str, Draft]]:
        """Sections of the table outputs, but for what the key and the rows need."""
        main, columns, dates, since = self._file(), Draft(), Draft(), Draft()
        ranked = Draft()
        codes: dict[str, Draft] = {}
        for role in self.roles:
            if role.ours == "ability":
                continue
            column = self._column(role.theirs)
            columns.put(role.ours, role.theirs, role.doubt)
            if role.ours == "period":
                self._period(column, dates, codes)
                self._order(column, columns, ranked)
            if role.ours == "ai_access" and self._is_before_after:
                self._access_as_arm(column, columns, codes)
            elif role.ours == "ai_access":
                self._access(column, columns, since, codes)
            if role.ours == "output":
                self._output(column, main, codes)
        self._covariates(main, columns)
        wide = self._wide(main)
        if not self._is_before_after:
            self._access_by_arm(columns, codes)
        constants = self._constants()
        main.put("ignore", *self._unused())
        main.put("convert", self._to_convert())
        main.put("strip", *self._to_strip())
        main.values = {key: value for key, value in main.values.items() if value != []}
        parts = {"columns": columns, "constants": constants, "dates": dates, "since": since}
        parts |= {"ranked": ranked, "wide": wide}
        return main, parts | {f"codes.{name}": draft for name, draft in codes.items()}

    def _covariates(self, main: Draft, columns: Draft) -> None:
        kinds = {}
        for theirs in self.says.covariates:
            ours, kind = guess_covariate(self._column(theirs))
            kinds[ours] = kind
            columns.put(ours, theirs)
        if kinds:
            main.put("covariates", kinds)

    def _file(self) -> Draft:
        draft, dialect = Draft(), self.look.dialect
        draft.put("file", os.path.relpath(self.look.file, self.folder).replace(os.sep, "/"))
        if self.says.sheet:
            draft.put("sheet", self.says.sheet)
        if self.says.labels:
            draft.put("labels", True)
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
            words = ", ".join(map(quoted, dialect.null_values[1:]))
            draft.put("null_values", list(dialect.null_values), f"{words} taken for missing")
        return draft

    def _column(self, name: str) -> Column:
        return next(column for column in self.look.columns if column.name == name)

    def _theirs(self, ours: str) -> Column | None:
        names = [role.theirs for role in self.roles if role.ours == ours]
        return self._column(names[0]) if names else None

    def _period(self, column: Column, dates: Draft, codes: dict[str, Draft]) -> None:
        if column.first_date is not None and column.last_date is not None:
            rule, doubt = guess_period_rule(column, by=self.says.by, start=self.says.start)
            dates.put("period", rule, doubt)
        elif not column.is_whole or (column.high or 0) > 99_999:
            draft = codes.setdefault("period", Draft())
            for number, value in enumerate(self._sorted(column), start=1):
                draft.put(value, number, "in the order of the values, without gaps")

    def _order(self, column: Column, columns: Draft, ranked: Draft) -> None:
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
        self, column: Column, columns: Draft, since: Draft, codes: dict[str, Draft]
    ) -> None:
        period = self._theirs("period")
        if column.date_formats and period is not None:
            columns.put("ai_access", period.name, f"from the date in {quoted(column.name)} on")
            rule = {"from": column.name, "format": column.date_formats[0], "never_if_null": True}
            since.put("ai_access", rule, "a row without date never has access")
        elif column.truths and not set(column.truths) <= {"true", "false"}:
            draft = codes.setdefault("ai_access", Draft())
            for word, value in column.truths.items():
                draft.put(word, value)

    def _access_by_arm(self, columns: Draft, codes: dict[str, Draft]) -> None:
        """Where arms are known and access is not: AI in every arm but the control."""
        arm = self._theirs("arm")
        if arm is None or self._theirs("ai_access") is not None:
            return
        columns.put("ai_access", arm.name, "AI in every arm but the control")
        control = self.says.control_arm or guess_control(arm)[0]
        draft = codes.setdefault("ai_access", Draft())
        for value in arm.values:
            draft.put(value, value != control)

    def _output(self, column: Column, main: Draft, codes: dict[str, Draft]) -> None:
        n_cells = self.look.n_rows * (len(self.family.columns) if self.family else 1)
        n_null = n_cells - column.n_known
        doubts = [f"{n_null:,} rows have no output"] if n_null else []
        if self.says.leave_out_zeros and column.n_zeros:
            main.put("null_if", {"output": [0]})
            doubts.append(f"{column.n_zeros:,} are zero: dropping these can select workers")
        if doubts:
            main.put("leave_out", ["output"], "; ".join(doubts))
        if column.truths and not column.is_number:
            draft = codes.setdefault("output", Draft())
            for word, value in column.truths.items():
                draft.put(word, float(value))

    @property
    def _is_before_after(self) -> bool:
        """Whether columns side by side are periods, so that who gets AI later is not told by the row."""
        return self.family is not None and self.family.by == "period"

    def _access_as_arm(self, column: Column, columns: Draft, codes: dict[str, Draft]) -> None:
        """Take access for the arm where a row holds periods before AI too."""
        del columns.values["ai_access"]
        doubt = columns.doubts.pop("ai_access", "")
        if self._theirs("arm") is not None or not column.truths:
            return
        said = f"{quoted(column.name)} says who gets AI, not when: it is taken for the arm"
        columns.put("arm", column.name, f"{said}; {doubt}" if doubt else said)
        draft = codes.setdefault("arm", Draft())
        for word, value in column.truths.items():
            draft.put(word, "with AI" if value else "without AI")

    def _wide(self, main: Draft) -> Draft:
        """Columns of output side by side, put below each other."""
        draft, family = Draft(), self.family
        if family is None:
            return draft
        draft.put("by", family.by)
        draft.put("into", "output")
        what = "periods" if family.by == "period" else "items"
        doubt = (
            f"{len(family.columns)} columns {quoted(family.stem)} side by side are taken for {what}"
        )
        draft.put("columns", dict(family.columns), doubt)
        self._output(self._output_column, main, {})
        return draft

    @property
    def _output_column(self) -> Column:
        """The column of output; of a family all its cells together."""
        if self.family is None:
            output = self._theirs("output")
            assert output is not None
            return output
        wide = self.look.frame.select(list(self.family.columns))
        cells = wide.unpivot(wide.columns, value_name=self.family.stem)
        return column_of(cells[self.family.stem], self.look.dialect)

    def _constants(self) -> Draft:
        draft, present = Draft(), {role.ours for role in self.roles}
        present |= {self.family.by} if self.family else set()
        if "task_id" not in present:
            doubt = "" if self.says.task else "no column looks like a task, so there is one"
            draft.put("task_id", self.says.task or "task", doubt)
        if "period" not in present:
            draft.put("period", 1, "no column looks like a date or period, so there is one")
        return draft

    def _unused(self) -> tuple[list[str], str]:
        used = {role.theirs for role in self.roles} | set(
            self.family.columns if self.family else ()
        )
        used |= set(self.says.covariates)
        unused = [column.name for column in self.look.columns if column.name not in used]
        rest = [name for name in unused if name not in self.says.ignore]
        doubt = 'not used; or declare them: covariates = { name = "number" }' if rest else ""
        return unused, doubt

    def _to_strip(self) -> tuple[list[str], str]:
        untidy = {
            role.ours: self._column(role.theirs).n_untidy
            for role in self.roles
            if role.ours != "ability" and self._column(role.theirs).n_untidy
        }
        doubt = ", ".join(
            f"{name}: {n:,} cells with spaces at an end" for name, n in untidy.items()
        )
        return list(untidy), doubt

    def _to_convert(self) -> list[str]:
        if self.look.dialect is not None:
            return []
        mapping, _ = table_mapping("outputs", {"file": "x.parquet"})
        types = our_types(mapping)
        named = {role.ours: self._column(role.theirs) for role in self.roles}
        if self._is_before_after and "ai_access" in named and "arm" not in named:
            named["arm"] = named.pop("ai_access")
        if self.family is not None:
            named["output"] = self._output_column
        return [
            ours for ours, column in named.items() if ours in types and column.dtype != types[ours]
        ] + [
            ours
            for theirs in self.says.covariates
            for ours, kind in [guess_covariate(self._column(theirs))]
            if COVARIATE_TYPES[kind] != self._column(theirs).dtype
        ]

    def _mapped(self, main: Draft, parts: Mapping[str, Draft]) -> pl.DataFrame:
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

    def _items(self, main: Draft, rows: pl.DataFrame) -> None:
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

    def _head(self, rows: pl.DataFrame) -> Draft:
        draft, says = Draft(), self.says
        draft.put("schema", SCHEMA_VERSION)
        draft.put("name", self.look.file.stem)
        output = self._output_column
        kind, doubt = guess_outcome(output)
        draft.put("outcome", says.outcome or kind, "" if says.outcome else doubt)
        if draft.values["outcome"] == "score":
            limits = "the lowest and highest that occur; put the rating's own limits"
            draft.put("outcome_floor", output.low, limits)
            draft.put("outcome_ceiling", output.high, limits)
        arm = self._theirs("arm")
        if arm is None and "arm" in rows.columns:
            draft.put("control_arm", says.control_arm or "without AI")
        elif arm is not None and "arm" in rows.columns:
            control, doubt = guess_control(arm)
            draft.put("control_arm", says.control_arm or control, "" if says.control_arm else doubt)
        first = says.first_ai_period
        if first is None and "ai_access" in rows.columns:
            found = rows.filter(pl.col("ai_access"))["period"].min()
            if isinstance(found, int):
                draft.put("first_ai_period", found, "the first period with access to AI")
        elif first is not None:
            draft.put("first_ai_period", first)
        elif self._is_before_after and rows.height:
            later = rows["period"].unique().sort().to_list()[1]
            draft.put("first_ai_period", later, "the second of the periods that stand side by side")
        return draft

    def _abilities(self) -> dict[str, Draft]:
        """The table of abilities, of columns that are one for each worker."""
        worker = self._theirs("worker_id")
        names = [role.theirs for role in self.roles if role.ours == "ability"]
        if worker is None or not names:
            return {}
        main, columns, wide = self._file(), Draft(), Draft()
        main.put("one_a_key", True)
        main.put("leave_out", ["ability"], "workers without a measure have no row of it")
        if self.look.dialect is None:
            main.put("convert", ["worker_id", "ability"])
        columns.put("worker_id", worker.name)
        wide.put("by", "measure")
        wide.put("into", "ability")
        wide.put("columns", {name: name for name in names}, "measured before AI, by their names")
        return {"abilities": main, "abilities.columns": columns, "abilities.wide": wide}
