"""Words of the help: every option has its own, and a default is shown where it says something."""

import re
from collections.abc import Iterator

from cyclopts import App

_SHARED = re.compile(
    r"^(?P<indent> *)(?P<names>\w+(?:, \w+)+)\n(?P<text>(?:(?P=indent) +\S.*\n)+)", re.M
)


def shown_default(value: object) -> str | None:
    """Return a default as it is typed; None where it is off, empty or nothing."""
    return None if value is False or value in (None, "", ()) else str(value)


def commands_of(app: App) -> Iterator[App]:
    """Yield an app and every command below it."""
    yield app
    for name in app:
        if not name.startswith("-"):
            yield from commands_of(app[name])


def with_words_for_each(app: App) -> None:
    """Give options that share an entry in a docstring (``seed, replicate``) an entry each, which the help looks for."""
    for command in commands_of(app):
        function = command.default_command
        if function is not None and function.__doc__:
            function.__doc__ = _SHARED.sub(_one_each, function.__doc__)


def _one_each(match: re.Match[str]) -> str:
    names = match["names"].split(", ")
    return "".join(f"{match['indent']}{name}\n{match['text']}" for name in names)
