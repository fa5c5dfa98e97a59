"""``panel.toml``: what a folder of tables is, and how its columns map to ours."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from withintask.panel.errors import SourceError

MANIFEST = "panel.toml"


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
    if not path.is_file():
        raise SourceError(
            f"{path.parent}: not a panel: no {path.name} in it; "
            "`withintask panel template` writes one to start from"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a TOML file in UTF-8: {error}") from error


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
