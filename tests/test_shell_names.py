"""Shells complete the names that options take: fields after --set, sizes after --vary, units after --cost."""

import shutil
import subprocess
from functools import cache

import pytest

from withintask.cli.app import app
from withintask.cli.shell_names import option_names, with_names

NAMES = option_names()
SHELLS = ("bash", "zsh", "fish")
OF_POWER = ("set", "vary", "cost", "limit", "effect", "move", "roll-out", "estimator", "hypothesis")


@cache
def script(shell):
    return with_names(app.generate_completion(prog_name="withintask", shell=shell), shell, NAMES)


@pytest.fixture(scope="module")
def of_bash(tmp_path_factory):
    path = tmp_path_factory.mktemp("bash") / "complete"
    path.write_text(script("bash"))
    return path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("power", "--set", "output_n"), "output_noise="),
        (("power", "--vary", "workers_"), "workers_by_firm="),
        (("power", "--cost", "fi"), "firm="),
        (("power", "--roll-out", "st"), "staggered"),
        (("power", "--move", "substit"), "substitution"),
        (("simulate", "--set", "n_w"), "n_workers="),
    ],
)
def test_bash_completes_a_name_after_its_option(of_bash, words, expected):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    typed = " ".join(f"'{word}'" for word in ("withintask", *words))
    code = (
        f"source {of_bash}; COMP_WORDS=({typed}); COMP_CWORD={len(words)}; "
        '_withintask 2>/dev/null; echo "${COMPREPLY[*]}"'
    )
    done = subprocess.run([bash, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected]


@pytest.fixture(scope="module")
def of_zsh(tmp_path_factory):
    path = tmp_path_factory.mktemp("zsh") / "_withintask"
    path.write_text(script("zsh"))
    return path


def test_zsh_is_told_whom_to_ask():
    """Without these lines the script defines a function that nobody calls."""
    assert "compdef _cyclopts_withintask withintask" in script("zsh")
    assert "_withintask ]]; then\n  _cyclopts_withintask" in script("zsh")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ('compdef() { print "$@" }; eval "$(cat FILE)"', "_cyclopts_withintask withintask"),
        (
            "_arguments() { print asked; state= }; fpath=(FOLDER); "
            "autoload -Uz _withintask; _withintask",
            "asked",
        ),
    ],
)
def test_zsh_asks_the_script_evaluated_or_on_its_path(of_zsh, how, expected):
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("no zsh here")
    code = how.replace("FOLDER", str(of_zsh.parent)).replace("FILE", str(of_zsh))
    done = subprocess.run([zsh, "-f", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [("power --set output_n", "output_noise="), ("estimate --engine st", "stream")],
)
def test_fish_completes_a_name_after_its_option(tmp_path, words, expected):
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("no fish here")
    (tmp_path / "complete.fish").write_text(script("fish"))
    code = f"source {tmp_path}/complete.fish; complete -C 'withintask {words}'"
    done = subprocess.run(
        [fish, "--no-config", "-c", code], capture_output=True, text=True, check=True
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [expected]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("option", OF_POWER)
def test_every_shell_is_told_the_names_of_an_option(shell, option):
    assert " ".join(NAMES[option]) in script(shell)


def test_what_is_set_is_a_field_of_a_design_or_a_parameter_and_no_label():
    assert {"output_noise=", "capability="} <= set(NAMES["set"])
    assert not {"name=", "summary=", "columns="} & set(NAMES["set"])
