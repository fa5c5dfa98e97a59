"""The exceptions of withintask.

.. code-block:: text

    ModelError
    ├── SchemaError          a table breaks its schema (also ValueError)
    ├── SourceError          a published file is not what its layout says (also ValueError)
    ├── ParameterError       a parameter or a design is out of its domain (also ValueError)
    ├── EstimationError      an estimator cannot run on this panel
    └── ConvergenceError     an iteration did not converge

Every message says where, what was expected and what was found, and what to do. All problems of
one check are in one message: :func:`list_problems` lays them out, at most five examples a kind.
"""

from collections.abc import Iterable, Sequence

_EXAMPLES = 5
_MOST_NAMES = 100
_LONGEST = 80
"""Characters of a cell or name of a file that a message quotes."""


class ModelError(Exception):
    """Base of every error that withintask raises on purpose."""


class SchemaError(ModelError, ValueError):
    """A table does not meet its schema."""


class SourceError(ModelError, ValueError):
    """A source file is missing, damaged or not in a known layout."""


class ParameterError(ModelError, ValueError):
    """A parameter, design or option is unknown, missing or out of its domain."""


class EstimationError(ModelError):
    """An estimator cannot run on the data it was given."""


class ConvergenceError(ModelError):
    """An iteration ended without meeting its tolerance."""


def list_problems(where: str, problems: Sequence[str], *, advice: str = "") -> str:
    """Lay out all problems of one check, one a line, ending with what to do.

    Parameters
    ----------
    where
        The file, table or object that was checked.
    problems
        One line each; all are counted, the first hundred are shown.
    advice
        What the reader should do; left out if empty.

    Returns
    -------
    str
        ``where: n problems`` followed by the lines.
    """
    shown = [f"  - {problem}" for problem in problems[:_MOST_NAMES]]
    if len(problems) > _MOST_NAMES:
        shown.append(f"  … and {len(problems) - _MOST_NAMES} more")
    noun = "problem" if len(problems) == 1 else "problems"
    lines = [f"{where}: {len(problems)} {noun}", *shown]
    if advice:
        lines.append(advice)
    return "\n".join(lines)


def several(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return names as a tuple, one text as one name, not as its letters."""
    return (names,) if isinstance(names, str) else tuple(names)


def nearest(name: str, known: Iterable[str]) -> str:
    """Write the known name that is most like an unknown one, `; did you mean …?`, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {shortened(near[0])}?" if near else ""


def printable(text: str) -> str:
    """Write out control codes, line ends apart: text of a file must not steer a terminal."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def one_line(text: str) -> str:
    """Write out control codes and line ends, which could move the cursor or forge rows of a table."""
    return printable(text).replace("\n", r"\n")


def shortened(text: str) -> str:
    """Return text of a file as it may stand in a message: one line, at most 80 characters, control codes written out."""
    plain = one_line(text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def quoted(value: object) -> str:
    """Quote a cell, name or value of a file in a message: as Python writes it, and no longer than :func:`shortened`."""
    if not isinstance(value, str):
        return shortened(repr(value))
    text = repr(value[: _LONGEST + 1])
    return f"{text[0]}{shortened(text[1:-1])}{text[-1]}"


def some_examples(values: Sequence[object]) -> str:
    """Name up to five of the values and count the rest."""
    shown = ", ".join(shortened(str(value)) for value in values[:_EXAMPLES])
    rest = len(values) - _EXAMPLES
    return f"{shown} and {rest} more" if rest > 0 else shown


def all_named(names: Sequence[str]) -> str:
    """List names of a file, each shortened, a hundred at most."""
    more = len(names) - _MOST_NAMES
    return ", ".join(map(shortened, names[:_MOST_NAMES])) + (
        f" and {more} more" if more > 0 else ""
    )


def unknown_name(key: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, with the nearest known one."""
    return f"{shortened(key)}: unknown{nearest(key, known)}"
