"""Blocks of code on pages of Markdown, and why some of them are not run."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_REASON = re.compile(r"<!-- (not run|output|no code)(?:: (.+?))? -->")
_STUDY = re.compile(r"^(?:python (benchmarks/\S+\.py)|make (\w+)).*")
_COMMAND = re.compile(r"^(?:\$ )?withintask (?=[a-z])")


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: str
    line: int
    text: str
    language: str
    mark: str
    reason: str

    @property
    def is_run(self):
        """Whether a test must run it."""
        return not self.mark

    @property
    def kind(self):
        """python, toml, commands, or empty."""
        if self.language in ("python", "toml"):
            return self.language
        if self.commands():
            return "commands"
        if self.scripts():
            return "study"
        return "python" if re.search(r"^import |\bwt\.", self.text, re.MULTILINE) else ""

    def scripts(self):
        """Studies and benchmarks, all that the block holds: they take minutes, so that they are there is what is checked."""
        lines = [line for line in self.text.splitlines() if line.strip()]
        named = [_STUDY.match(line) for line in lines]
        return [match.group(1) or match.group(2) for match in named] if all(named) else []

    def commands(self):
        """Commands of the toolkit, those over several lines as one, comments left out."""
        joined = re.sub(r"\\\n\s*", " ", self.text)
        return [
            _COMMAND.sub("", line).split(" #")[0].strip()
            for line in joined.splitlines()
            if _COMMAND.match(line)
        ]


def blocks_of(page):
    """Yield the blocks of a page, fenced or indented; those within points of a list are text."""
    lines = page.read_text(encoding="utf-8").split("\n")
    place = 0
    while place < len(lines):
        first, language, indent = place, "", ""
        if lines[place].startswith("```"):
            language = lines[place].strip("`")
            last = next(n for n in range(place + 1, len(lines)) if lines[n].startswith("```"))
            body, place = lines[place + 1 : last], last + 1
        elif _begins_indented(lines, place):
            indent = "    "
            last = place
            while last < len(lines) and (lines[last].startswith(indent) or not lines[last].strip()):
                last += 1
            body, place = lines[place:last], last
        else:
            place += 1
            continue
        mark, reason = _mark(lines, first)
        text = "\n".join(line.removeprefix(indent) for line in body).strip("\n")
        yield Block(str(page.relative_to(ROOT)), first + 1, text, language, mark, reason)


def _begins_indented(lines, place):
    if not lines[place].startswith("    ") or (place and lines[place - 1].strip()):
        is_marked = place > 0 and _REASON.match(lines[place - 1])
        if not (lines[place].startswith("    ") and is_marked):
            return False
    before = [line for line in lines[:place] if line.strip()]
    return not (before and re.match(r"^\s*(?:[-*]|\d+\.) ", before[-1]))


def _mark(lines, first):
    above = [line for line in lines[:first] if line.strip()][-1:]
    match = _REASON.fullmatch(above[0].strip()) if above else None
    return (match.group(1), match.group(2) or "") if match else ("", "")
