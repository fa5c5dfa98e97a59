"""Regressions by formula, as users of pyfixest and of linearmodels write them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from withintask.panel.arrays import Flags
from withintask.panel.errors import EstimationError, ParameterError, list_problems, nearest
from withintask.tests_of_model.regression.errors import Errors
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.fitted import Fit
from withintask.tests_of_model.regression.grouping import encode
from withintask.tests_of_model.regression.options import (
    DEFAULT,
    Effects,
    Inference,
    Instruments,
    Options,
)

_NOT_HERE = ("EntityEffects", "TimeEffects", "FixedEffects")


def regress(
    formula: str,
    data: Any,
    *,
    cluster: str | Sequence[str] = (),
    weights: str = "",
    errors: Errors = "auto",
    options: Options = DEFAULT,
) -> Fit:
    """Regress by formula on a frame.

    Parameters
    ----------
    formula
        ``y ~ x + C(site) | firm + year`` with effects to absorb after the bar, and ``| x ~ z`` after a second one for
        instruments, as in pyfixest; or ``y ~ 1 + w + [x ~ z]`` as in linearmodels, which adds no constant by itself.
    data
        Polars or pandas frame.
    cluster
        Columns to cluster by, one or two; ``firm + year`` in one text is two.
    weights
        Column of positive sampling or analytic weights.
    errors
        As in :class:`withintask.tests_of_model.regression.options.Inference`.
    options
        Engine.

    Returns
    -------
    Fit
        Terms have the names that formulaic gives them, as in both packages: ``C(site)[T.b]``, ``x:z``, ``Intercept``. Rows of
        which something is not known are left out, and counted in messages.

    Raises
    ------
    ParameterError
        A formula that cannot be read, columns that are not there: all of them, with the nearest names.
    EstimationError
        Weights that are zero or negative, no rows left, and what :func:`withintask.tests_of_model.regression.fit.fit`
        refuses.

    Examples
    --------
    >>> import numpy as np
    >>> import withintask as wt
    >>> draws = np.random.default_rng(1)
    >>> firm = np.repeat(np.arange(20), 10)
    >>> x = draws.normal(size=200)
    >>> y = 0.5 * x + draws.normal(size=200)
    >>> import polars as pl
    >>> data = pl.DataFrame({"y": y, "x": x, "firm": firm})
    >>> result = wt.regress("y ~ x | firm", data, cluster="firm")
    >>> bool(abs(result.params[0] - 0.5) < 4 * result.std_error[0])
    True
    """
    parts = _read(formula)
    ways = _names(cluster)
    frame = data.to_pandas() if hasattr(data, "to_pandas") else data
    used = (*parts.absorb, *ways, *((weights,) if weights else ()))
    _fail_if_absent(formula, parts, used, list(frame.columns))
    known = _known(frame, parts, used)
    if not known.any():
        raise EstimationError(f"formula {formula!r}: no row of which everything is known")
    frame = frame.loc[known]
    if weights:
        _fail_if_not_positive(frame[weights].to_numpy(dtype=float), weights)
    y, X = _matrices(formula, parts, frame)
    fitted = fit(
        y,
        X.to_numpy(dtype=float),
        names=list(X.columns),
        effects=Effects(
            absorb=[encode(frame[name].to_numpy()) for name in parts.absorb],
            weights=frame[weights].to_numpy(dtype=float) if weights else None,
        ),
        instruments=_instruments(parts, frame),
        inference=Inference(
            cluster=[encode(frame[name].to_numpy()) for name in ways], errors=errors
        ),
        options=options,
    )
    n_left = int(np.count_nonzero(~known))
    left_out = f"{n_left} rows left out, something not known" if n_left else ""
    return replace(fitted, messages=(*((left_out,) if left_out else ()), *fitted.messages))


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """A formula, taken apart."""

    outcome: str
    exogenous: str
    absorb: tuple[str, ...]
    endogenous: str
    instruments: str


def _read(formula: str) -> _Parts:
    """Take a formula of either dialect apart."""
    refused = [word for word in _NOT_HERE if word in formula]
    outcome, tilde, right = formula.partition("~")
    if refused or not tilde or not outcome.strip() or not right.strip():
        hint = f"; write effects after a bar, not {', '.join(refused)}" if refused else ""
        raise ParameterError(f"formula {formula!r}: expected 'y ~ x + C(site) | firm'{hint}")
    bracket = re.search(r"\[(.+?)~(.+?)\]", right)
    if bracket:
        left = re.sub(r"\+?\s*\[.+?\]", "", right).strip().lstrip("+").strip() or "0"
        exogenous = left if re.search(r"(^|\+)\s*[01]\s*(\+|$)", left) else f"0 + {left}"
        return _Parts(
            outcome=outcome.strip(),
            exogenous=exogenous,
            absorb=(),
            endogenous=bracket[1].strip(),
            instruments=bracket[2].strip(),
        )
    # A bar inside brackets or parentheses does not occur in either dialect.
    exogenous, *more = (part.strip() for part in right.split("|"))
    iv = [part for part in more if "~" in part]
    absorb = [part for part in more if "~" not in part and part not in ("0", "")]
    if len(iv) > 1 or len(absorb) > 1 or any("^" in part for part in absorb):
        raise ParameterError(
            f"formula {formula!r}: expected one list of effects, without ^, and one of instruments"
        )
    endogenous, _, instruments = iv[0].partition("~") if iv else ("", "", "")
    return _Parts(
        outcome=outcome.strip(),
        exogenous=exogenous,
        absorb=_names(absorb[0]) if absorb else (),
        endogenous=endogenous.strip(),
        instruments=instruments.strip(),
    )


def _names(listed: str | Sequence[str]) -> tuple[str, ...]:
    """Names of columns, given one by one or in one text with plus signs."""
    texts = [listed] if isinstance(listed, str) else list(listed)
    return tuple(name.strip() for text in texts for name in text.split("+") if name.strip())


def _variables(parts: _Parts) -> list[str]:
    """Columns that the terms of a formula need."""
    from formulaic import Formula

    texts = (parts.outcome, parts.exogenous, parts.endogenous, parts.instruments)
    return sorted({str(v) for text in texts if text for v in Formula(text).required_variables})


def _fail_if_absent(formula: str, parts: _Parts, used: tuple[str, ...], columns: list[str]) -> None:
    try:
        asked = (*_variables(parts), *used)
    except Exception as error:
        raise ParameterError(f"formula {formula!r}: {error}") from error
    absent = [name for name in dict.fromkeys(asked) if name not in columns]
    if absent:
        problems = [f"no column {name!r}{nearest(name, columns)}" for name in absent]
        raise ParameterError(list_problems(f"formula {formula!r}", problems))


def _known(frame: Any, parts: _Parts, used: tuple[str, ...]) -> Flags:
    columns = frame[[*dict.fromkeys((*_variables(parts), *used))]]
    numbers = columns.select_dtypes("number")
    infinite = np.isinf(numbers.to_numpy(dtype=float)).any(axis=1)
    return np.asarray(columns.notna().all(axis=1).to_numpy() & ~infinite)


def _fail_if_not_positive(values: Any, name: str) -> None:
    n_bad = int(np.count_nonzero(~(values > 0)))
    if n_bad:
        raise EstimationError(
            f"weights {name}: {n_bad} of {len(values)} rows are zero or negative; leave these rows out, or correct them"
        )


def _matrices(formula: str, parts: _Parts, frame: Any) -> tuple[Any, Any]:
    """Outcome and regressors, the endogenous ones last; without the constant where effects are absorbed."""
    import pandas as pd
    from formulaic import model_matrix

    try:
        y = model_matrix(f"0 + {parts.outcome}", frame).to_numpy(dtype=float)[:, 0]
        blocks = [model_matrix(parts.exogenous, frame)] if parts.exogenous != "0" else []
        if parts.endogenous:
            blocks.append(model_matrix(f"0 + {parts.endogenous}", frame))
    except Exception as error:
        raise ParameterError(f"formula {formula!r}: {error}") from error
    X = pd.concat([pd.DataFrame(block) for block in blocks], axis=1)
    if parts.absorb:
        X = X.drop(columns="Intercept", errors="ignore")
    if X.shape[1] == 0:
        raise ParameterError(f"formula {formula!r}: no regressor is left beside the effects")
    return y, X


def _instruments(parts: _Parts, frame: Any) -> Instruments | None:
    if not parts.endogenous:
        return None
    from formulaic import model_matrix

    endogenous = model_matrix(f"0 + {parts.endogenous}", frame)
    excluded = model_matrix(f"0 + {parts.instruments}", frame)
    return Instruments(endogenous=list(endogenous.columns), excluded=excluded.to_numpy(dtype=float))
