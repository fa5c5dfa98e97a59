"""Every command that the pages show is one that the command line takes, with options that it has."""

import re
import shlex
from html import unescape
from pathlib import Path

import pytest

from withintask.cli.app import app
from withintask.report.demo_blocks import next_blocks
from withintask.report.panel_page import panel_page
from withintask.tests_of_model.harness.synthetic import draw_panel

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


def test_the_next_steps_of_pages_are_commands_too(tmp_path):
    (code,) = (b for b in next_blocks("withintask", tmp_path / "o.duckdb") if b.kind == "code")
    page = panel_page(draw_panel("oews", seed=1), source="a b", recommended_only=True)
    shown = re.findall(r"^(?:<pre[^>]*><code>)?withintask (.+)$", unescape(page), re.MULTILINE)
    lines = [line.partition("withintask ")[2] for line in code.text.splitlines()]
    commands = [line.split(" #")[0].removesuffix("</code></pre>") for line in (*lines, *shown)]
    assert len(commands) > 8
    for command in commands:
        called, _, _ = app.parse_args(shlex.split(command), exit_on_error=False, print_error=False)
        assert callable(called)
