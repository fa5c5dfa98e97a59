"""No command replaces what is there unless ``--force`` says so: one rule for every command."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path

from cyclopts import App

from withintask.panel.errors import ParameterError

FORCE = "--force"
_TARGETS = ("out", "plot", "figure")
"""Options that name what is written."""
_NEVER = ("panel", "from")
"""The command that replaces no manifest even if forced: it may have been edited."""


def run_kept(app: App, words: Sequence[str]) -> object:
    """Run a command; refuse to replace a file or a panel that is there, unless told to.

    Folders of studies are not panels: their commands go on where they stopped, and write what is theirs.

    Parameters
    ----------
    app
        The command line.
    words
        What was typed after the program's name.

    Returns
    -------
    object
        What the command returns.

    Raises
    ------
    ParameterError
        Names each file and panel that is there.
    """
    names, apps, _ = app.parse_commands(list(words))
    function = apps[-1].default_command
    has_own = function is not None and "force" in inspect.signature(function).parameters
    asked = words if has_own else [word for word in words if word != FORCE]
    command, bound, _ = app.parse_args(list(asked))
    if not has_own and FORCE not in words and names != _NEVER:
        _fail_if_there(bound.arguments)
    return command(*bound.args, **bound.kwargs)


def _fail_if_there(arguments: Mapping[str, object]) -> None:
    from withintask.panel.manifest import MANIFEST

    if arguments.get("stream"):
        return
    problems = [
        f"--{name} {path}: is there already; {FORCE} replaces it"
        for name in _TARGETS
        if isinstance(path := arguments.get(name), Path)
        and (path.is_file() or (path / MANIFEST).is_file())
    ]
    if problems:
        raise ParameterError("\n".join(problems))
