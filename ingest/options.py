"""Read options that several commands share."""

import re

from withintask.panel.errors import ParameterError

_RANGE = re.compile(r"([0-9]{4})(?:-([0-9]{4}))?")


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
                f"years {text!r}: {part.strip()!r} is no year or range; write 2019-2024"
            )
        years.update(range(first, last + 1))
    return tuple(sorted(years))
