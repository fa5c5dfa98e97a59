"""``panel.toml``: what a folder of tables is, and how its columns map to ours."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from withintask.panel.errors import SourceError, nearest, quoted, shortened

MANIFEST = "panel.toml"

OF_READER = ("panel", "tables", "sha256")
"""Sections that readers understand; they ignore others."""

_TYPES: dict[str, tuple[type, ...]] = {
    "schema": (int,),
    "name": (str,),
    "source": (str,),
    "first_ai_period": (int,),
    "is_synthetic": (bool,),
    "is_pseudonymized": (bool,),
    "outcome": (str,),
    "outcome_floor": (int, float),
    "outcome_ceiling": (int, float),
    "control_arm": (str,),
    "covariates": (list,),
    "note": (str,),
    "format": (str,),
    "file": (str,),
}
_TYPES_OF_TABLE: dict[str, tuple[type, ...]] = {
    "file": (str,),
    "table": (str,),
    "n_rows": (int,),
    "separator": (str,),
    "decimal_comma": (bool,),
    "null_values": (list,),
    "sorted": (list,),
    "ignore": (list,),
    "columns": (dict,),
    "scale": (dict,),
    "constants": (dict,),
    "codes": (dict,),
    "header": (bool,),
    "shift": (dict,),
    "functions": (dict,),
    "convert": (list,),
    "strip": (list,),
    "thousands": (str,),
    "null_if": (dict,),
    "fill": (dict,),
    "dates": (dict,),
    "since": (dict,),
    "wide": (dict,),
    "leave_out": (list,),
    "covariates": (dict,),
    "items": (str,),
    "aggregate": (dict,),
    "one_a_key": (bool,),
    "sheet": (str,),
    "labels": (bool,),
}
_TYPES_INSIDE: dict[str, tuple[type, ...]] = {
    "null_values": (str,),
    "sorted": (str,),
    "ignore": (str,),
    "columns": (str,),
    "scale": (int, float),
    "codes": (dict,),
    "shift": (int, float),
    "functions": (str,),
    "convert": (str,),
    "strip": (str,),
    "null_if": (list,),
    "dates": (dict,),
    "since": (dict,),
    "leave_out": (str,),
    "covariates": (str,),
    "aggregate": (str,),
}
_IN_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def manifest_of(source: Path) -> Path:
    """Return the manifest of a folder, or the one that was named itself."""
    return source if source.suffix == ".toml" else source / MANIFEST


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a ``panel.toml``.

    Parameters
    ----------
    path
        The file itself.

    Raises
    ------
    SourceError
        If the file is absent, not UTF-8 or not TOML.
    """
    if not path.parent.exists():
        folder = path.parent
        beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
        hint = nearest(folder.name, (place.name for place in beside))
        raise SourceError(f"{folder}: not a panel: there is no such folder{hint}")
    if not path.is_file():
        raise SourceError(
            f"{path.parent}: not a panel: no {path.name} in it; "
            "`withintask panel template` writes one to start from"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a TOML file in UTF-8: {error}") from error


def type_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """Name every value of a manifest that is not of the type its key asks for; unknown keys are left alone."""
    head, tables = document.get("panel"), document.get("tables", {})
    if not isinstance(head, dict):
        yield "expected a section [panel]"
    else:
        yield from _wrong_types("[panel]", head, _TYPES)
    if not isinstance(tables, dict):
        yield f"tables = {quoted(tables)}: expected sections such as [tables.outputs]"
        return
    for name, section in tables.items():
        where = f"[tables.{shortened(name)}]"
        if not isinstance(section, dict):
            yield f"tables.{shortened(name)} = {quoted(section)}: expected a section {where}"
            continue
        wrong = list(_wrong_types(where, section, _TYPES_OF_TABLE))
        yield from wrong or _wrong_inside(where, section)


def _wrong_types(
    where: str, section: Mapping[str, Any], types: Mapping[str, tuple[type, ...]]
) -> Iterator[str]:
    for key, value in section.items():
        if key in types and not _is_a(value, types[key]):
            yield f"{where} {key} = {quoted(value)}: expected {_IN_WORDS[types[key][-1]]}"


def _wrong_inside(where: str, section: Mapping[str, Any]) -> Iterator[str]:
    for key, types in _TYPES_INSIDE.items():
        content = section.get(key, [])
        values = content.values() if isinstance(content, dict) else content
        for value in values:
            if not _is_a(value, types):
                yield f"{where} {key}: {quoted(value)}: expected {_IN_WORDS[types[-1]]}"
    separator = section.get("separator", ",")
    if len(separator.encode()) != 1 or separator in '"\r\n':
        yield f"{where} separator = {quoted(separator)}: expected one character, such as , or ;"


def _is_a(value: object, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def file_hashes(document: Mapping[str, Any], path: Path) -> dict[str, str] | None:
    """Return the SHA-256 of each file of a panel; None if its manifest does not say.

    Raises
    ------
    SourceError
        If the section is not a table of text.
    """
    section = document.get("sha256")
    if section is None:
        return None
    if not isinstance(section, dict) or not all(isinstance(v, str) for v in section.values()):
        raise SourceError(f"{path}: [sha256] is not a table of file = hash; leave it out")
    return dict(section)


def toml_text(document: Mapping[str, Any]) -> str:
    """Render nested mappings of text, numbers, truth values and lists as TOML.

    A value of None is left out, since TOML has no null.
    """
    return "\n".join(_table_lines((), document)) + "\n"


def _table_lines(path: tuple[str, ...], table: Mapping[str, Any]) -> list[str]:
    plain = {k: v for k, v in table.items() if not isinstance(v, Mapping) and v is not None}
    nested = {k: v for k, v in table.items() if isinstance(v, Mapping)}
    lines = [f"{_quoted(key)} = {_value(value)}" for key, value in plain.items()]
    if path and (plain or not nested):
        lines = [f"[{'.'.join(map(_quoted, path))}]", *lines, ""]
    for key, value in nested.items():
        lines += _table_lines((*path, key), value)
    return lines


def _quoted(text: str) -> str:
    is_bare = text.replace("_", "").replace("-", "").isalnum() and text.isascii()
    return text if is_bare else _value(text)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return f"[{', '.join(map(_value, value))}]"
