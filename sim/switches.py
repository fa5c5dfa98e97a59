"""Switches: what a design can let happen without any effect of AI, and where it shows."""

from dataclasses import dataclass

from withintask.panel.errors import quoted
from withintask.sim.design import OFF, Design

_PAY = ("pay", "occupation_pay", "education_pay")
_OF_WORKERS = ("outputs", *_PAY)
_WITH_ARMS = ("randomized", "self_selected", "randomized_items")


@dataclass(frozen=True, kw_only=True)
class Switch:
    """One switch."""

    name: str
    """Field of the design."""
    unit: str
    """Unit of its value."""
    tables: tuple[str, ...]
    """Tables that it changes."""
    meaning: str
    """What happens."""
    modifies: str = ""
    """The switch that it only modifies; empty if it works alone."""

    def is_on(self, design: Design) -> bool:
        """Whether the design has it away from the value that changes nothing."""
        return bool(getattr(design, self.name) != OFF[self.name])


def _switch(name: str, unit: str, tables: tuple[str, ...], meaning: str, of: str = "") -> Switch:
    return Switch(name=name, unit=unit, tables=tables, meaning=meaning, modifies=of)


SWITCHES = (
    _switch(
        "spillover", "share", ("outputs",),
        "workers without AI have this share of the firm's capability if a teammate uses it",
    ),
    _switch(
        "hawthorne", "log points", ("outputs",), "the treated's output rises by h(1 - slope·z) for being in the trial"
    ),
    _switch(
        "hawthorne_slope", "share per sd of ability", ("outputs",), "how much less it rises for the abler", "hawthorne"
    ),
    _switch(
        "item_choice", "log points per sd of ability", ("outputs",), "the abler among the treated get harder items"
    ),
    _switch(
        "practice", "elasticity", ("outputs",), "output rises by p·ln(1 + n)(1 - slope·z), n items of the task done before"
    ),
    _switch("practice_slope", "share per sd of ability", ("outputs",), "how much less the abler learn", "practice"),
    _switch(
        "quality_tradeoff", "log points per unit of exposure", ("outputs",),
        "speed with AI is bought with quality, and only speed is recorded",
    ),
    _switch(
        "arm_attrition", "share", _OF_WORKERS, "the treated, and none else, are lost with probability 2·share·Φ(-z)"
    ),
    _switch(
        "anticipation", "share", (*_OF_WORKERS, "postings"), "this share of the effect is there one period before AI is"
    ),
    _switch(
        "firm_shock_sd", "log points", _OF_WORKERS, "firms' output and pay move after AI's arrival, mean 1 over firms"
    ),
    _switch(
        "firm_shock_assets", "correlation", _OF_WORKERS, "correlation of that with the firms' assets", "firm_shock_sd"
    ),
    _switch(
        "credential_drift", "log-odds per unit of exposure", ("postings",),
        "requirements rise with exposure after AI's arrival for other reasons",
    ),
    _switch("mobility_sorting", "correlation", _OF_WORKERS, "abler movers go to firms of more assets", "mobility"),
    _switch(
        "noncompliance", "share", ("outputs",),
        "this share do not use the AI they have, or use AI without access, which no record shows",
    ),
    _switch(
        "ai_noise_ratio", "ratio, off at 1", ("outputs",),
        "noise of output where AI is used, as a multiple of noise without", "output_noise",
    ),
    _switch(
        "effect_sd", "log points per unit of exposure", _OF_WORKERS,
        "AI's effect differs by worker around zero, whatever the ability (weak null)",
    ),
    _switch(
        "occupation_effect_sd",
        "log points per unit of exposure",
        _PAY,
        "AI's effect on pay differs by occupation around zero (weak null)",
    ),
    _switch(
        "credential_effect_sd",
        "log-odds per unit of exposure",
        ("postings",),
        "AI's effect on requirements differs by occupation around zero (weak null)",
    ),
    _switch(
        "reranking", "share", ("outputs",),
        "with AI, ability on exposed tasks is √(1-r²)·z + r·ζ: other ranks, the same distribution (weak null of dispersion)",
    ),
)  # fmt: skip
"""Every switch, in the order in which they are documented."""


def why_idle(switch: Switch, design: Design) -> str:
    """Say why a switch can change nothing in a design; empty if it can.

    Parameters
    ----------
    switch
        The switch.
    design
        The design as it is in the world that turns it on.
    """
    name, is_trial_of_items = switch.name, design.treatment == "randomized_items"
    needs_no_ai = name in ("practice", "practice_slope", "mobility_sorting")
    reasons = (
        (
            not set(switch.tables) & set(design.columns),
            f"no table {' or '.join(switch.tables)}",
        ),
        (
            switch.modifies and not getattr(design, switch.modifies),
            f"{switch.modifies} = 0",
        ),
        (
            name == "mobility_sorting" and not design.has_pay,
            "no table of pay, by which workers are followed to another firm",
        ),
        (
            name == "spillover" and design.treatment not in _WITH_ARMS,
            f"treatment = {quoted(design.treatment)}: no team has workers with AI and without",
        ),
        (
            name == "anticipation" and not (design.n_pre and design.n_post),
            "no period before AI, or none after",
        ),
        (design.n_post == 0 and not needs_no_ai, "no period after AI's arrival"),
        (
            name == "arm_attrition" and is_trial_of_items,
            "arms are of items, not of workers",
        ),
    )
    return next((reason for holds, reason in reasons if holds), "")
