"""Names that options take, put into the script by which a shell completes commands and options."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields

Names = Mapping[str, tuple[str, ...]]


def option_names() -> dict[str, tuple[str, ...]]:
    """Names that each option takes, without the dashes; those that a value follows end in an equals sign."""
    from withintask.panel.notation import parameter_names
    from withintask.sim.design import Design
    from withintask.sim.designs import load_designs
    from withintask.tests_of_model.harness.power.costs import COST_UNITS
    from withintask.tests_of_model.harness.power.effect import terms
    from withintask.tests_of_model.harness.power.space import AXES, LIMITS, ROLL_OUTS
    from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

    of_design = [f.name for f in fields(Design) if f.name not in _NOT_SET]
    sizes = [f.name for f in fields(Design) if f.type in (int, float) and f.name not in _NOT_SET]
    estimators = dict.fromkeys(e.name for h in HYPOTHESES for e in h.estimators)
    return {
        "set": _valued([*of_design, *parameter_names()]),
        "vary": _valued([*AXES, *sizes]),
        "cost": _valued([unit.name for unit in COST_UNITS]),
        "limit": _valued(LIMITS),
        "effect": _valued([*terms(), "capability"]),
        "search": _valued(AXES),
        "move": tuple(parameter_names()),
        "roll-out": tuple(ROLL_OUTS),
        "hypothesis": tuple(h.name for h in HYPOTHESES),
        "estimator": tuple(estimators),
        "design": tuple(d.name for d in load_designs()),
    }


def with_names(script: str, shell: str, names: Names) -> str:
    """Put the names that options take into a script of a shell.

    Parameters
    ----------
    script
        Completes commands and options.
    shell
        bash, zsh or fish.
    names
        Option to what it takes.

    Returns
    -------
    str
        The script; options that it does not have, or completes already, stay as they are.
    """
    for option, known in names.items():
        script = _WRITERS[shell](script, option, known)
    return script + _ENDS.get(shell, "")


_ENDS = {
    "zsh": """
if [[ ${funcstack[1]} == _withintask ]]; then
  _cyclopts_withintask "$@"
else
  (( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit }
  compdef _cyclopts_withintask withintask
fi
"""
}
"""What makes a shell use the script: zsh as the file _withintask on its fpath, or as text that is evaluated."""

_NOT_SET = ("name", "number", "summary", "columns", "questions")


def _valued(names: Sequence[str] | Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"{name}=" for name in dict.fromkeys(names))


def _bash(script: str, option: str, names: Sequence[str]) -> str:
    words = " ".join(names)
    no_space = " && compopt -o nospace" if names[0].endswith("=") else ""
    filled = rf'\1COMPREPLY=( $(compgen -W "{words}" -- "${{cur}}") ){no_space}\n'
    return re.sub(rf"(--{option}\)\n\s+)COMPREPLY=\(\)\n", filled, script)


def _zsh(script: str, option: str, names: Sequence[str]) -> str:
    suffix = '-S "" ' if names[0].endswith("=") else ""
    action = f"{{compadd {suffix}-- {' '.join(names)}}}"
    return re.sub(rf"('\*?--{option}\[[^\n]*\]:[\w-]+)' \\", rf"\1:{action}' \\", script)


def _fish(script: str, option: str, names: Sequence[str]) -> str:
    return re.sub(rf"( -l {option}) -r (-d )", rf"\1 -x -a '{' '.join(names)}' \2", script)


_WRITERS: Mapping[str, Callable[[str, str, Sequence[str]], str]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
