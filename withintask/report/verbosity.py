"""How much the command line says beside its results: -q less, -v more."""

import os
import sys

VARIABLE = "WITHINTASK_VERBOSITY"
"""Environment variable: quiet, verbose, or anything else; -q and -v set it, so that processes started later know it."""
QUIET, VERBOSE = "quiet", "verbose"


def is_quiet() -> bool:
    """Whether remarks and progress are left out."""
    return os.environ.get(VARIABLE) == QUIET


def is_verbose() -> bool:
    """Whether details are asked for."""
    return os.environ.get(VARIABLE) == VERBOSE


def remark(sentence: str) -> None:
    """Say something to a reader, on standard error; nothing under -q."""
    if not is_quiet():
        print(sentence, file=sys.stderr)


def detail(sentence: str) -> None:
    """Say a detail, on standard error; under -v alone."""
    if is_verbose():
        print(sentence, file=sys.stderr)
