"""Read options that several commands share."""

import re
from collections.abc import Collection

from withintask.panel.errors import ParameterError, quoted

_RANGE = re.compile(r"([0-9]{4})(?:-([0-9]{4}))?")


Years = int | str | Collection[int]
"""One year, years as text such as ``2019-2024``, or several."""


def as_years(years: Years | None) -> tuple[int, ...] | None:
    """Return the years asked for, ascending; None for all.

    Raises
    ------
    ParameterError
        If a text is no year or range of years, or a year is no whole number.
    """
    if years is None:
        return None
    if isinstance(years, str):
        return parse_years(years)
    several = (years,) if isinstance(years, int) else tuple(years)
    wrong = [year for year in several if not isinstance(year, int) or isinstance(year, bool)]
    if wrong:
        raise ParameterError(
            f"years: expected whole numbers such as 2024, found {quoted(wrong[0])}"
        )
    return tuple(sorted(set(several)))


def parse_years(text: str) -> tuple[int, ...] | None:
    """Read years such as ``2019-2024`` or ``2019,2021-2023``; None for an empty text.

    Raises
    ------
    ParameterError
        If a part is no year or range of years.
    """
    if not text.strip():
        return None
    years: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise ParameterError(
                f"years {quoted(text)}: {quoted(part.strip())} is no year or range; write 2019-2024"
            )
        years.update(range(first, last + 1))
    return tuple(sorted(years))
