"""Commands beside the work: a page on a panel, a check of the installation, completion of names in a shell."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Shell = Literal["bash", "zsh", "fish"]


def report(
    panel: Path,
    *,
    out: Path = Path("report.html"),
    force: Annotated[bool, Parameter(negative="")] = False,
    recommended: Annotated[bool, Parameter(negative="")] = False,
    verify: bool = True,
    allow_outside: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write one page on a panel: what it is, its quality, what can be estimated, results, figures, what would settle the rest.

    Parameters
    ----------
    panel
        Folder or database of a panel.
    out
        The page; the data behind its figures are within it.
    force
        Replace the page if it is there.
    recommended
        Estimate with the one estimator a hypothesis that is recommended, instead of all.
    verify
        Compare each file with its SHA-256, where the manifest has it.
    allow_outside
        Read files outside the folder of the manifest, if it names some.
    """
    from withintask.panel.store import read_panel
    from withintask.report.panel_page import write_panel_page

    whole = read_panel(panel, lazy=True, check=False, verify=verify, allow_outside=allow_outside)
    write_panel_page(whole, out, source=str(panel), recommended_only=recommended, force=force)
    print(f"{out}: written")


def doctor() -> None:
    """Say what is installed and found: versions, published data, engines, folders that can be written, helpers of a paper."""
    from withintask.report.doctor import findings
    from withintask.report.terminal import print_rows

    rows = findings()
    print_rows(("what", "state", "which"), rows)


def completion(shell: Shell) -> None:
    """Print what a shell needs to complete commands, options and names; for bash: eval "$(withintask completion bash)".

    Parameters
    ----------
    shell
        bash, zsh or fish; of fish: withintask completion fish | source.
    """
    from withintask.cli.app import app
    from withintask.cli.shell_names import option_names, with_names

    script = app.generate_completion(prog_name="withintask", shell=shell)
    print(with_names(script, shell, option_names()))


def demo(*, out: Path = Path("out/demo"), replicates: int = 200) -> None:
    """Run the toolkit end to end: OEWS, a simulated trial, H1 over replicates, a page.

    Parameters
    ----------
    out
        Folder to write.
    replicates
        Replicates of the trial.
    """
    from withintask.report.demo import run_demo

    run_demo(out, replicates=replicates)
