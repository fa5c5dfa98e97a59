"""The page of the results on real data, with the files of `withintask results` beside it."""

from collections.abc import Iterator, Mapping, Sequence

from withintask.report.page import Block, Figure, Heading, Page, Table, Text, render_page

Rows = tuple[Sequence[str], Sequence[Sequence[str]]]
_SECTIONS = {
    "panels": (
        "Published panels",
        "The registered estimators, where they can run, and two regressions beside them. Placebo panels are from before AI and are run as "
        "if AI had come in their middle: what they show is change that has nothing to do with AI.",
    ),
    "ability": (
        "Ability net of noise",
        "What an item shows is ability and noise; two items of one worker share only ability. Noise and ability are log standard deviations, "
        "shares of their range for answers and scores, shares of the mean for counts. A set goes on for ever where ability is not detected.",
    ),
    "occupations": (
        "Occupations: pay, dispersion and employment on exposure",
        "Change in logs between two Mays on exposure. May 2023 is the first OEWS after ChatGPT, and each OEWS pools three years of surveys: "
        "all earlier pairs are placebos. Between 2020 and 2021 BLS changed method and classification.",
    ),
    "education": (
        "O*NET: required education on exposure",
        "Change between two releases. Only occupations surveyed anew can show one; the others repeat old answers.",
    ),
}


def results_page(
    tables: Mapping[str, Rows], notes: Mapping[str, Sequence[str]], *, command: str
) -> str:
    """Write the page; figures and all columns lie beside it as files.

    Parameters
    ----------
    tables
        Header and rows of ``panels``, ``ability``, ``occupations`` and ``education``.
    notes
        Sentences below a table, by its name.
    command
        The command that made it.
    """
    blocks = tuple(
        block for name in _SECTIONS for block in _section(name, tables[name], notes.get(name, ()))
    )
    lead = (
        "None of these data tests the model: that takes panels of workers at the same tasks. They show what the estimators do on real "
        "data, and why data on occupations cannot settle it."
    )
    return render_page(
        Page(title="Results on the real data", lead=lead, command=command, blocks=blocks)
    )


_FIGURES = {
    "ability": (
        "ability.svg",
        "Change of ability, of noise, gradient and average effect by panel, with 95 % sets",
        "Change of ability and of noise, gradient of the gain on ability, and average effect, by panel, with 95 % sets.",
    ),
    "occupations": (
        "results.svg",
        "Slopes of change on exposure by pair of years with their 95 % intervals, placebos shaded",
        "Slopes in log points from no to full exposure with 95 % intervals. Shaded: placebos, from before AI; * across the break of 2021.",
    ),
}


def _section(name: str, table: Rows, notes: Sequence[str]) -> Iterator[Block]:
    title, words = _SECTIONS[name]
    yield Heading(text=title)
    yield Text(sentences=(words,))
    if name in _FIGURES:
        file, alt, caption = _FIGURES[name]
        yield Figure(
            href=file, alt=alt, caption=caption, data_href=f"{name}.csv", data_name=f"{name}.csv"
        )
    header, rows = table
    n_labels = len(header) - _N_NUMBERS
    yield Table(
        label=title,
        header=tuple(header),
        rows=tuple(tuple(row) for row in rows),
        numbers=tuple(place >= n_labels for place in range(len(header))),
        data_href=f"{name}.csv",
        data_name=f"{name}.csv",
    )
    if notes:
        yield Text(sentences=tuple(notes), as_list=True)


_N_NUMBERS = 6
"""Columns of numbers at the end: estimate, error, interval, p, n, clusters."""
