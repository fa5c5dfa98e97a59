"""Where the command line starts: an error is one message, whatever goes wrong."""

import codecs
import io
import os
import signal
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

_DEBUG = "--debug"
_HOW_MUCH = {"-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose"}
"""Options that go with every command, and what they set."""
_FAILED = 1
_INTERRUPTED = 128 + signal.SIGINT
_PIPE_CLOSED = 128 + 13
_OWNER_ONLY = 0o600


def main() -> None:
    """Run the command line; every error is one message and a status, never a traceback unless ``--debug`` asks for it."""
    given = sys.argv[1:]
    _write_what_can_be_shown()
    words = [word for word in given if word not in (_DEBUG, *_HOW_MUCH)]
    started = time.monotonic()
    try:
        from withintask.cli.app import app
        from withintask.cli.kept_files import run_kept
        from withintask.report.verbosity import VARIABLE, detail

        for word in filter(_HOW_MUCH.get, given):
            os.environ[VARIABLE] = _HOW_MUCH[word]
        run_kept(app, words)
        sys.stdout.flush()
        detail(f"withintask {' '.join(words[:2])}: {time.monotonic() - started:.1f} seconds")
    except SystemExit:
        raise
    except BaseException as error:
        if _DEBUG in sys.argv[1:]:
            raise
        status = _status(error)
    else:
        return
    raise SystemExit(status)


_PLAIN = {
    "·": "-",
    "–": "-",
    "−": "-",
    "∞": "inf",
    "…": "...",
    "±": "+/-",
    "×": "x",
    "Δ": "d",
    "“": '"',
    "”": '"',
    **dict(
        zip(
            "αβγηθκμξρσφχψω",
            [
                "alpha",
                "beta",
                "gamma",
                "eta",
                "theta",
                "kappa",
                "mu",
                "xi",
                "rho",
                "sigma",
                "phi",
                "chi",
                "psi",
                "omega",
            ],
            strict=True,
        )
    ),
}
"""What stands for a sign where a terminal has ASCII alone."""


def _write_what_can_be_shown() -> None:
    """Where the output knows no Unicode, write plain signs and escapes instead of failing."""

    def plain(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        signs = error.object[error.start : error.end]
        shown = (_PLAIN.get(c) or c.encode("unicode_escape").decode() for c in signs)
        return "".join(shown), error.end

    codecs.register_error("withintask", plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
            stream.reconfigure(errors="withintask")


def _status(error: BaseException) -> int:
    """Say what went wrong and return the exit status."""
    from withintask.panel.errors import ModelError, printable

    if isinstance(error, KeyboardInterrupt):
        _say("interrupted; what was finished is stored")
        return _INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has had enough; Python would complain again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    if isinstance(error, ModelError):
        _say(f"error: {printable(str(error))}")
    elif isinstance(error, OSError) and error.strerror:
        where = f"{printable(str(error.filename))}: " if error.filename else ""
        _say(f"error: {where}{error.strerror}; what was finished is stored")
    elif isinstance(error, MemoryError):
        _say("error: memory is used up; take fewer workers, smaller parts or another computer")
    else:
        _say(f"error: {type(error).__name__}, which was not foreseen; {_kept(error)}")
    return _FAILED


def _kept(error: BaseException) -> str:
    """Keep the traceback in a file that only its owner can read, and say what to do with it."""
    text = "".join(traceback.format_exception(error))
    for folder in _log_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w") as log:
                log.write(f"{sys.argv}\n{text}")
        except OSError:
            continue
        return (
            f"the traceback is in {file}: please report it with that file to the maintainers of withintask, "
            f"after a look whether it holds data ({_DEBUG} shows it here)"
        )
    return f"please run it again with {_DEBUG} and report what that shows"


def _log_folders() -> list[Path]:
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return [Path(state) / "withintask" / "log", Path(tempfile.gettempdir())]


def _say(message: str) -> None:
    try:
        print(message, file=sys.stderr)
    except OSError:
        return
