"""What an estimand is: a function of an economy; its value there is the truth of a term."""

from collections.abc import Callable, Iterator, Mapping

from withintask.sim.economy import Economy

Estimand = Callable[[Economy], float]
"""The truth of one term."""


class Truths(Mapping[str, float]):
    """Truths in an economy by term, each computed when it is first asked for.

    Parameters
    ----------
    estimands
        By term.
    economy
        Solved.
    """

    def __init__(self, estimands: Mapping[str, Estimand], economy: Economy) -> None:
        self._estimands, self._economy = estimands, economy
        self._known: dict[str, float] = {}

    def __getitem__(self, term: str) -> float:
        if term not in self._known:
            self._known[term] = self._estimands[term](self._economy)
        return self._known[term]

    def __iter__(self) -> Iterator[str]:
        return iter(self._estimands)

    def __len__(self) -> int:
        return len(self._estimands)
