"""Every public function says what goes in, what comes out and how it is called; the examples run as they stand."""

import doctest
import inspect
import re
from pathlib import Path

import pytest

import withintask as wt

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(
    name
    for name in wt.__all__
    if callable(getattr(wt, name)) and not inspect.isclass(getattr(wt, name))
)
CLASSES = sorted(name for name in wt.__all__ if inspect.isclass(getattr(wt, name)))
LONG = ("headline",)
"""Those whose example takes half a minute."""
CELLS = re.split(
    r"^# %% (.*)$",
    (ROOT / "docs" / "site" / "examples.py").read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)[1:]


def _marks(name):
    is_real = "``data`` is the folder of published files" in inspect.getdoc(getattr(wt, name))
    kinds = ((pytest.mark.real_data, is_real), (pytest.mark.slow, name in LONG))
    return [mark for mark, holds in kinds if holds]


def _with_marks(names):
    return [pytest.param(name, marks=_marks(name), id=name) for name in names]


WITH_EXAMPLES = _with_marks(
    name for name in (*FUNCTIONS, *CLASSES) if ">>> " in inspect.getdoc(getattr(wt, name))
)


@pytest.fixture(scope="module")
def store(data_dir, new_data_dir, tmp_path_factory):
    path = tmp_path_factory.mktemp("examples") / "store.duckdb"
    folders = [data_dir, new_data_dir]
    return wt.build_store(folders, path, years="2019-2025", level="national").path


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_an_example_and_says_what_it_takes_and_returns(name):
    function = getattr(wt, name)
    words = inspect.getdoc(function)
    titles = set(re.findall(r"^(\w[\w ]+)\n-{3,}$", words, re.MULTILINE))
    parameters = inspect.signature(function).parameters
    assert titles >= {"Examples"} | ({"Parameters"} if parameters else set())
    assert titles & {"Returns", "Yields"}
    stated = words.partition("Parameters\n---")[2].partition("\n\n")[0]
    absent = [
        p for p in parameters if not re.search(rf"^(?:.*, )?\*{{0,2}}{p}(?:,.*)?$", stated, re.M)
    ]
    assert absent == []


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_example_of_a_docstring_gives_what_it_says(name, request):
    value = getattr(wt, name)
    (test,) = (t for t in doctest.DocTestFinder(recurse=False).find(value, name) if t.examples)
    test.globs = {}
    if any(mark.name == "real_data" for mark in _marks(name)):
        folders = [request.getfixturevalue(f) for f in ("data_dir", "store")]
        test.globs = dict(zip(("data", "store"), folders, strict=True))
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert results.attempted > 0
    assert results.failed == 0


def test_the_examples_of_the_reference_run_one_after_the_other_and_hold_what_they_assert():
    space = {}
    for names, code in zip(CELLS[::2], CELLS[1::2], strict=True):
        exec(compile(code, names, "exec"), space)


def test_each_public_class_is_shown_in_an_example():
    shown = {name for names in CELLS[2::2] for name in names.split(", ")}
    made = {name for name in CLASSES if ">>> " in inspect.getdoc(getattr(wt, name))}
    returned = {
        str(inspect.signature(getattr(wt, name)).return_annotation).rsplit(".", 1)[-1].strip("'>")
        for name in FUNCTIONS
    }
    assert shown <= set(wt.__all__)
    assert set(CLASSES) - shown - made - returned == set()
