"""Load, change and name data designs: the packaged ``designs.toml``, or a file of one's own."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from withintask.panel.errors import (
    ParameterError,
    list_problems,
    nearest,
    quoted,
    shortened,
    unknown_name,
)
from withintask.sim.design import OFF, Design
from withintask.sim.design_checks import design_problems
from withintask.sim.named import SUFFIX, by_name

Entry = Mapping[str, Any]

DEFAULTS = "defaults"
"""Table of a file whose values hold for each of its designs."""
VARIANTS = "variants"
"""Table of ``designs.toml`` whose tables each change any design that is named with them."""
AT = "@"
LIKE = "like"
"""Key of a design that names the packaged design from which it differs; the defaults if left out."""

_FIELDS = tuple(field.name for field in fields(Design))


def load_designs(path: Path | str | None = None) -> tuple[Design, ...]:
    """Read designs from a TOML file or a folder of them, ordered by number.

    Parameters
    ----------
    path
        File or folder; the packaged twelve if None. A file holds one design, or a table for each. What a design leaves
        out has the value of ``[defaults]`` of ``designs.toml``, or of the packaged design that it is ``like``; its name
        is that of the table or file, its number 0.

    Returns
    -------
    tuple of Design
        Checked designs.

    Raises
    ------
    ParameterError
        If a key is missing, unknown or impossible; all problems of all files are listed.

    Examples
    --------
    >>> import withintask as wt
    >>> len(wt.load_designs())
    12
    """
    if path is None:
        return tuple(_packaged().values())
    designs: list[Design] = []
    problems: list[str] = []
    for where, text in _texts(Path(path)):
        for name, entry in _entries(where, text, problems).items():
            try:
                designs.append(_design(where, name, entry))
            except ParameterError as error:
                problems.append(str(error))
    if problems:
        raise ParameterError("\n".join(problems))
    return tuple(sorted(designs, key=lambda design: design.number))


def load_design(name: Path | str) -> Design:
    """Return the packaged design of a name, or the one design of a file such as ``mine.toml``.

    Parameters
    ----------
    name
        Name or file; with ``@`` and the name of a variant of ``designs.toml`` behind it, that variant: ``rct@noisy``.

    Returns
    -------
    Design
        Checked.

    Raises
    ------
    ParameterError
        If there is none, with the nearest name; or if the file holds several.

    Examples
    --------
    >>> import withintask as wt
    >>> wt.load_design("rct-ability").n_items
    8
    >>> wt.load_design("rct@noisy").output_noise
    0.75
    """
    plain, at, variant = str(name).rpartition(AT)
    if not at or variant.endswith(SUFFIX):
        return by_name(name, _packaged(), load_designs, "design")
    variants = _file()[VARIANTS]
    if variant not in variants:
        hint = nearest(variant, variants) or f"; known: {', '.join(variants)}"
        raise ParameterError(f"design {quoted(str(name))}: unknown variant {quoted(variant)}{hint}")
    return change_design(load_design(plain), **{**variants[variant], "name": str(name)})


def change_design(design: Design, **changes: object) -> Design:
    """Return a design with some fields replaced, checked as a whole.

    Parameters
    ----------
    design
        To be changed.
    **changes
        Values by the name of the field.

    Returns
    -------
    Design
        A new one; the old stays as it is.

    Raises
    ------
    ParameterError
        Lists every unknown field and impossible value.

    Examples
    --------
    >>> import withintask as wt
    >>> wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6).n_workers
    60
    """
    unknown = [unknown_name(key, _FIELDS) for key in changes if key not in _FIELDS]
    if unknown:
        raise ParameterError(list_problems(f"design {design.name}", unknown))
    changed = replace(design, **changes)  # type: ignore[arg-type]
    _fail_if_impossible(changed, f"design {design.name}")
    return _with_keys(changed)


def design_hash(design: Design) -> str:
    """Return sixteen hexadecimal digits that name a design's every field but those that are off."""
    values = asdict(replace(design, columns={})).items()
    plain = {name: value for name, value in values if name not in OFF or value != OFF[name]}
    plain["columns"] = {table: list(columns) for table, columns in sorted(design.columns.items())}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


@cache
def _packaged() -> Mapping[str, Design]:
    """The twelve designs by name, in the order of their numbers."""
    entries = dict(_file())
    defaults, _ = entries.pop(DEFAULTS), entries.pop(VARIANTS)
    designs = [_made(f"[{n}]", {**defaults, "name": n, **entry}) for n, entry in entries.items()]
    return MappingProxyType({d.name: d for d in sorted(designs, key=lambda d: d.number)})


@cache
def _file() -> Mapping[str, Entry]:
    text = files("withintask.sim").joinpath("designs.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def _texts(path: Path) -> list[tuple[str, str]]:
    """Names and texts of a file, or of the TOML files of a folder."""
    found = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path] * path.is_file()
    if not found:
        raise ParameterError(
            f"{path}: expected a design file or a folder of {SUFFIX} designs; found none"
        )
    try:
        return [(file.name, file.read_text(encoding="utf-8")) for file in found]
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: cannot be read as text; {error}") from error


def _entries(where: str, text: str, problems: list[str]) -> dict[str, Entry]:
    """Designs of one file by name; what cannot be read is added to the problems."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{where}: expected TOML; {error}")
        return {}
    is_one = any(not isinstance(v, dict) for v in content.values()) or "columns" in content
    if is_one:
        return {str(content.get("name", where.removesuffix(SUFFIX))): content}
    shared = content.pop(DEFAULTS, {})
    return {name: {**shared, **entry} for name, entry in content.items()}


def _design(where: str, name: str, entry: Entry) -> Design:
    """One design of a user's file, completed from the defaults or from the design that it is like."""
    where = where if where == f"{name}{SUFFIX}" else f"{where} [{shortened(name)}]"
    given = {key: value for key, value in entry.items() if key != LIKE}
    unknown = [unknown_name(key, (*_FIELDS, LIKE)) for key in given if key not in _FIELDS]
    tables = given.get("columns", {})
    if not isinstance(tables, dict) or not all(_is_names(names) for names in tables.values()):
        unknown.append("columns: expected a table of lists of column names")
    if LIKE not in entry and "columns" not in given:
        unknown.append(f"columns: missing; state what the analyst has, or {LIKE} = a known design")
    if unknown:
        raise ParameterError(list_problems(where, unknown, advice="Nothing was drawn."))
    base = _file()[DEFAULTS] if LIKE not in entry else _plain(load_design(str(entry[LIKE])))
    return _made(where, {**base, "number": 0, "summary": "", "name": name, **given})


def _plain(design: Design) -> Entry:
    return {name: getattr(design, name) for name in _FIELDS}


def _made(where: str, entry: Entry) -> Design:
    columns = {table: tuple(names) for table, names in entry["columns"].items()}
    design = Design(**{**entry, "columns": MappingProxyType(columns)})
    _fail_if_impossible(design, where)
    return _with_keys(design)


def _with_keys(design: Design) -> Design:
    """Show what tells the rows of one cell apart: items, their order, and raters."""
    shown = design.columns.get("outputs", ())
    wanted = (
        ("item_id", design.n_items),
        ("sequence", design.n_items),
        ("rater_id", design.n_raters),
    )
    missing = [name for name, count in wanted if count > 1 and name not in shown]
    if not shown or not missing:
        return design
    columns = {**design.columns, "outputs": (*shown, *missing)}
    return replace(design, columns=MappingProxyType(columns))


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _fail_if_impossible(design: Design, where: str) -> None:
    problems = design_problems(design)
    if problems:
        raise ParameterError(list_problems(where, problems, advice="Nothing was drawn."))
