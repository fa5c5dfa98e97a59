"""The command that makes a page, as it is typed, for the page's foot."""

import shlex


def command_line(name: str, **options: object) -> str:
    """Write a command of the toolkit with its options.

    Parameters
    ----------
    name
        Of the command, such as ``matrix``.
    options
        By name; what is None, False or empty is left out, a flag stands alone, a list is repeated.

    Returns
    -------
    str
        Fit to be pasted into a shell.

    Examples
    --------
    >>> command_line("matrix", design=["rct", "my design.toml"], quick=True, seed=1, dask="")
    "withintask matrix --design rct --design 'my design.toml' --quick --seed 1"
    """
    words = ["withintask", *name.split()]
    for option, value in options.items():
        flag = f"--{option.replace('_', '-')}"
        if value is True:
            words.append(flag)
            continue
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        words += [w for v in values if v not in (None, False, "") for w in (flag, str(v))]
    return shlex.join(words)
