"""A section of a manifest while it is proposed: its lines, and what is not certain of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from withintask.panel.manifest import toml_text


def _line(key: str, value: Any) -> str:
    """Render one key; a mapping inline, so that it keeps to its line."""
    if isinstance(value, Mapping):
        inner = ", ".join(_line(name, part) for name, part in value.items())
        return f"{toml_text({key: 0}).partition(' =')[0]} = {{ {inner} }}"
    return toml_text({key: value}).rstrip()


@dataclass(kw_only=True)
class Draft:
    """Lines of one section of the manifest, with the doubt of each."""

    values: dict[str, Any] = field(default_factory=dict)
    """key -> value"""
    doubts: dict[str, str] = field(default_factory=dict)
    """key -> why it is not certain"""

    def put(self, key: str, value: Any, doubt: str = "") -> None:
        """Add a line."""
        self.values[key] = value
        if doubt:
            self.doubts[key] = doubt

    def lines(self, header: str) -> Iterator[str]:
        """Render the section, a doubt as a comment behind its line."""
        if self.values:
            yield f"\n[{header}]"
        for key, value in self.values.items():
            line = _line(key, value)
            yield f"{line}  # ? {self.doubts[key]}" if key in self.doubts else line
