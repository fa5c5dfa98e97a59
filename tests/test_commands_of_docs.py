"""Every command that the pages show is one that the command line takes, with options that it has."""

import re
import shlex
from pathlib import Path

import pytest

from withintask.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_GLOBAL = {"-q", "-v", "--quiet", "--verbose", "--debug"}


def commands_of(text):
    """Yield commands in blocks of code, those over several lines as one."""
    joined = re.sub(r"\\\n\s*", " ", text)
    fenced = False
    for line in joined.splitlines():
        fenced ^= line.startswith("```")
        match = re.match(r"(    )?(?:\$ )?(?:\S*/)?withintask (?=[a-z])(.*)", line)
        if match and (fenced or match.group(1)) and "…" not in line:
            yield match.group(2).split(" #")[0].split(" | ")[0].split(" > ")[0].split("&&")[0]


COMMANDS = sorted(
    {
        (page.name, command.strip())
        for page in PAGES
        for command in commands_of(page.read_text(encoding="utf-8"))
    }
)


def test_pages_show_commands():
    assert len(COMMANDS) > 20


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_of_a_page_is_taken_as_it_stands(page, command):
    words = [word for word in shlex.split(command) if word not in _GLOBAL]
    called, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert callable(called)
    bound.apply_defaults()
