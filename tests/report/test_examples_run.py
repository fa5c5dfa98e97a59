"""Examples of the public door run as they stand."""

import doctest
import re
from pathlib import Path

import pytest

import withintask as wt

ROOT = Path(__file__).resolve().parents[2]
WITH_EXAMPLES = ("Estimates", "estimate", "side_by_side")
CELLS = re.split(
    r"^# %% (.*)$",
    (ROOT / "docs" / "site" / "examples.py").read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)[1:]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_example_of_a_docstring_gives_what_it_says(name):
    value = getattr(wt, name)
    (test,) = (t for t in doctest.DocTestFinder(recurse=False).find(value, name) if t.examples)
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert results.attempted > 0
    assert results.failed == 0


def test_the_examples_of_the_reference_run_one_after_the_other_and_hold_what_they_assert():
    space = {}
    for names, code in zip(CELLS[::2], CELLS[1::2], strict=True):
        exec(compile(code, names, "exec"), space)


def test_the_examples_of_the_reference_are_of_public_names():
    names = {name for names in CELLS[2::2] for name in names.split(", ")}
    assert names <= set(wt.__all__)
    assert len(names) > 40
