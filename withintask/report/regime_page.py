"""The page of the regimes: maps, rent sharing, boundaries and policies, with the files of `withintask regime` beside it."""

from collections.abc import Iterator, Mapping

import polars as pl

from withintask.report.page import Block, Figure, Heading, Page, Text, frame_block, render_page


def regime_page(tables: Mapping[str, pl.DataFrame], axes: tuple[str, ...], *, command: str) -> str:
    """Write the page; figures and tables lie beside it as files.

    Parameters
    ----------
    tables
        ``boundaries`` and ``policies`` of :func:`withintask.report.regime.run_regime`.
    axes
        Names of the maps drawn.
    command
        The command that made it.
    """
    blocks = (*_maps(axes), *_lines(), *_tables(tables))
    lead = (
        "In the model AI equalizes where its gains are paid to workers and concentrates where they become rents of few owners. The "
        "maps show where one turns into the other."
    )
    return render_page(
        Page(title="Two regimes and their boundary", lead=lead, command=command, blocks=blocks)
    )


def _maps(axes: tuple[str, ...]) -> Iterator[Block]:
    yield Heading(text="Where AI equalizes and where it concentrates")
    note = "Blue: the Gini falls, AI equalizes. Red: it rises, AI concentrates. The line is the boundary, the circle the baseline."
    for axis in axes:
        words = axis.replace("_", " ")
        yield Figure(
            href=f"map_{axis}.svg",
            alt=f"Change in the Gini of income and of pay over the share of proprietary AI and {words}",
            caption=f"Change in the Gini, income on the left and pay on the right, by {words}. {note}",
            data_href="maps.csv",
            data_name="maps.csv",
        )


def _lines() -> Iterator[Block]:
    yield Heading(text="What rent sharing and policies do")
    yield Figure(
        href="rent_sharing.svg",
        alt="Change in the Gini of income and of pay by the elasticity of pay to rents, one line a share of proprietary AI",
        caption="Change in the Gini by the elasticity of pay to rents; at the lines, the share of proprietary AI.",
        data_href="rent_sharing.csv",
        data_name="rent_sharing.csv",
    )
    yield Figure(
        href="policies.svg",
        alt="Change in the Gini of income and of pay without, with each and with all policies",
        caption="Change in the Gini that AI brings, by policy.",
        data_href="policies.csv",
        data_name="policies.csv",
    )


def _tables(tables: Mapping[str, pl.DataFrame]) -> Iterator[Block]:
    yield Heading(text="The numbers")
    yield Text(
        sentences=(
            "Errors are those of the quadrature: how far another set of points would move the figure.",
        ),
        look="note",
    )
    boundaries = "Share of proprietary AI at which the Gini of income does not change"
    yield frame_block(tables["boundaries"], boundaries, name="boundaries.csv")
    policies = "What AI does to inequality under each policy"
    yield frame_block(tables["policies"], policies, name="policies.csv")
