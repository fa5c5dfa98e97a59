"""No command replaces a file or a panel that is there unless told to."""

import pytest

from withintask.cli.app import app
from withintask.cli.kept_files import FORCE, run_kept
from withintask.panel.errors import ParameterError, SourceError

SMALL = ("--set", "n_workers=60", "--set", "n_firms=6", "--set", "n_tasks=2", "--set", "n_items=2")


def run(*words):
    return run_kept(app, [str(word) for word in words])


def test_a_file_that_is_there_is_kept_and_replaced_if_forced(tmp_path):
    file = tmp_path / "dictionary.md"
    file.write_text("mine")
    with pytest.raises(ParameterError, match=r"--out .*dictionary\.md: is there already; --force"):
        run("data", "dictionary", "--out", file)
    assert file.read_text() == "mine"
    run("data", "dictionary", "--out", file, FORCE)
    assert file.read_text().startswith("# ")


def test_a_panel_that_is_there_is_kept_and_replaced_if_forced(tmp_path):
    words = ("simulate", "--design", "rct", *SMALL, "--out", tmp_path / "panel")
    run(*words)
    before = (tmp_path / "panel" / "panel.toml").read_bytes()
    with pytest.raises(ParameterError, match="--force"):
        run(*words, "--seed", 2)
    assert (tmp_path / "panel" / "panel.toml").read_bytes() == before
    run(*words, "--seed", 2, FORCE)


def test_every_file_that_is_there_is_named(tmp_path):
    run("simulate", "--design", "rct", *SMALL, "--out", tmp_path / "panel")
    for name in ("t.csv", "q.svg"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(ParameterError) as error:
        run(
            *("distribution", tmp_path / "panel"),
            *("--out", tmp_path / "t.csv", "--figure", tmp_path / "q.svg"),
        )
    assert [line.split()[0] for line in str(error.value).splitlines()] == ["--out", "--figure"]
    assert {(tmp_path / name).read_text() for name in ("t.csv", "q.svg")} == {"mine"}


def test_a_manifest_that_may_have_been_edited_is_never_replaced(tmp_path):
    (tmp_path / "calls.csv").write_text("worker,day,seconds\na,1,2\nb,1,3\n")
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "panel.toml").write_text("mine")
    with pytest.raises(SourceError, match="may have been edited"):
        run("panel", "from", tmp_path / "calls.csv", "--out", tmp_path / "calls", FORCE)
    assert (tmp_path / "calls" / "panel.toml").read_text() == "mine"


def test_commands_with_an_option_of_their_own_still_have_it(tmp_path):
    run("simulate", "--design", "rct", *SMALL, "--out", tmp_path / "panel")
    words = ("estimate", tmp_path / "panel", "--estimator", "dispersion_by_access")
    run(*words, "--out", tmp_path / "e.csv")
    with pytest.raises(ParameterError, match="--force"):
        run(*words, "--out", tmp_path / "e.csv")
    run(*words, "--out", tmp_path / "e.csv", FORCE)
