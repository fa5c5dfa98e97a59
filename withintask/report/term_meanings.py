"""What each estimand is, in a sentence, and the unit in which it is measured."""

_SINGLE = "It is the spread of single outputs, noise of items included, so it moves less than the spread of ability does"
_NET = "Noise of items is taken out, so it speaks of the workers"
_GRADIENT = "Negative: the less able gain more"
_LEVEL_RETURN = "in units of mean pay without AI, for one more year of school"
_LOG_RETURN = "in log points of pay, for one more year of school"

MEANINGS = {
    "delta_log_sd": f"How much the spread of workers' ability within a task changes. {_NET}.",
    "delta_log_cv_net": f"The same as a coefficient of variation of output. {_NET}.",
    "ability_gradient_net": f"How the gain from AI changes with what a worker does without it. {_GRADIENT}. {_NET}.",
    "delta_log_noise": "How much the noise of single outputs changes: AI that only steadies output moves this and leaves ability alone.",
    "delta_log_sd_logit": f"The same on the scale of log odds, on which answers near all or nothing count for more. {_NET}.",
    "delta_log_cv": f"{_SINGLE}.",
    "delta_log_variance": f"{_SINGLE}; in logs, averaged after the log of each cell is taken.",
    "delta_log_mean_variance": "The variance of output within firms, averaged before the log is taken, less noise that periods of one worker show.",
    "delta_log_iqr": f"{_SINGLE}; by quartiles, which outliers do not move.",
    "delta_log_cv_pooled": "The spread over all firms together: it also holds differences between firms in the AI that they have.",
    "ability_gradient": f"How the gain from AI changes with measured ability. {_GRADIENT}; noise in the measure pulls least squares toward zero.",
    "average_effect_log": "The mean effect of AI on output. It says nothing of the spread.",
    "average_effect_percent": "The mean effect of AI as percent of output without it. It says nothing of the spread.",
    "average_effect_level": "The mean effect of AI in units of output. It says nothing of the spread.",
    "delta_return_cog": f"How the return to cognitive education changes, {_LEVEL_RETURN}.",
    "delta_return_soc": f"How the return to social education changes, {_LEVEL_RETURN}.",
    "delta_return_gap": f"The first less the second, {_LEVEL_RETURN}.",
    "delta_log_return_cog": f"How the return to cognitive education changes, {_LOG_RETURN}.",
    "delta_log_return_soc": f"How the return to social education changes, {_LOG_RETURN}.",
    "delta_log_return_gap": f"The first less the second, {_LOG_RETURN}.",
    "delta_log_return_cog_by_exposure": "How that return changes with the exposure of the occupation, not on average.",
    "delta_log_return_soc_by_exposure": "How that return changes with the exposure of the occupation, not on average.",
    "delta_credential": "How much more often a credential is required in exposed occupations than in others.",
    "credential_slope": "How requirements change with measured compression: per unit of compression, not on average.",
    "delta_log_reliability": "How much less a work sample tells of later output: the mechanism behind H3, not requirements themselves.",
    "between_variance_contrast": "How the variance of pay between firms changes where AI is proprietary and rents are shared, less where not both hold.",
    "log_ratio_contrast": "The same for the ratio of variance between firms to that within, which falls also when the variance within rises.",
    "delta_between_variance": "How the variance of pay between firms changes, in all industries together.",
    "delta_within_variance": "How the variance of pay within firms changes; any AI can move it.",
    "delta_between_share": "How the share between firms changes; it rises when the variance within falls, so alone it is no evidence.",
    "delta_firm_effect_variance": "How the variance of what firms pay beside who works there changes.",
    "rent_sharing": "By how many percent pay rises where a firm's surplus rises by one percent.",
}
"""What an estimand is and why it differs from the others, by its code name."""

LOG, PERCENT, LEVEL, SHARE = "log points", "percent", "units of output", "share"
_PAY, _LOG_PAY = "units of mean pay a year of school", "log points a year of school"
_UNITS = {
    "ability_gradient": "log points per log point of ability",
    "ability_gradient_net": "log points per log point of ability",
    "average_effect_percent": PERCENT,
    "average_effect_level": LEVEL,
    **dict.fromkeys(("delta_return_cog", "delta_return_soc", "delta_return_gap"), _PAY),
    **dict.fromkeys((name for name in MEANINGS if name.startswith("delta_log_return")), _LOG_PAY),
    "delta_credential": "probability",
    "credential_slope": "probability per unit of compression",
    "between_variance_contrast": "variance of log pay",
    "delta_between_variance": "variance of log pay",
    "delta_within_variance": "variance of log pay",
    "delta_firm_effect_variance": "variance of log pay",
    "delta_between_share": SHARE,
    "rent_sharing": "elasticity",
}


def term_meaning(name: str) -> str:
    """Return what an estimand is; empty for one of a user's own."""
    return MEANINGS.get(name, "")


def term_unit(name: str) -> str:
    """Return the unit of an estimand; log points for those whose names do not say otherwise."""
    return _UNITS.get(name, LOG)


def is_log_change(name: str) -> bool:
    """Whether an estimand is a change in logs, so that a percentage says the same."""
    return name in MEANINGS and term_unit(name) == LOG
