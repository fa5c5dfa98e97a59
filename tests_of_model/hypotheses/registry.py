"""The hypotheses, in order. A new one is a file that ends in HYPOTHESIS, and a line here."""

from withintask.tests_of_model.hypotheses import (
    h1_compression,
    h2_returns,
    h3_credentials,
    h4_between,
)
from withintask.tests_of_model.hypotheses.hypothesis import Hypothesis
from withintask.tests_of_model.hypotheses.plugins import with_plugins

HYPOTHESES: tuple[Hypothesis, ...] = with_plugins(
    (
        h1_compression.HYPOTHESIS,
        h2_returns.HYPOTHESIS,
        h3_credentials.HYPOTHESIS,
        h4_between.HYPOTHESIS,
    )
)
