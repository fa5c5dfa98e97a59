"""The help: every command and option has words, and everything fits the terminal."""

import io

import pytest
from rich.console import Console

from withintask.cli.app import app
from withintask.cli.help_words import commands_of

COMMANDS = list(commands_of(app))
NAMES = [" ".join(command.name) if command.name else "withintask" for command in COMMANDS]


def test_there_are_many():
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_command_and_each_of_its_options_has_words(command):
    if command.default_command is None:
        assert command.help
        return
    options = command.assemble_argument_collection(parse_docstring=True)
    assert command.default_command.__doc__ or command.help
    assert [option.name for option in options if not option.parameter.help] == []


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_the_help_fits_the_terminal(command, width):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    command.help_print([], console=console)
    lines = console.file.getvalue().splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= width


def test_a_default_that_is_off_is_not_shown():
    console = Console(file=io.StringIO(), width=100, color_system=None)
    app.help_print(["estimate"], console=console)
    text = console.file.getvalue()
    assert "default: False" not in text
    assert 'default: ""' not in text
    assert "[default: auto]" in text
