"""Words for the names of estimators and estimands; the code names stay in the files for programs."""

from collections.abc import Mapping

ESTIMATORS = {
    "dispersion_by_access": "Difference in differences by access",
    "other_measures_by_access": "Difference in differences by access, other measures",
    "dispersion_by_use": "Difference in differences by use of AI",
    "dispersion_between_arms": "Between arms, after arrival",
    "dispersion_before_after": "After against before, with access",
    "dispersion_by_exposure": "Exposed against unexposed tasks",
    "other_measures_by_exposure": "Exposed against unexposed tasks, other measures",
    "occupation_percentiles": "Percentiles of occupations' pay",
    "deviation_regression": "Regression of absolute deviations",
    "variance_net_of_noise": "Variance net of noise",
    "dispersion_staggered": "Staggered roll-out, by cohort and period",
    "dispersion_staggered_imputed": "Staggered roll-out, imputation",
    "pairs_staggered": "Pairs of items, staggered roll-out",
    "gradient_staggered": "Slope on ability, staggered roll-out",
    "effect_staggered": "Mean output, staggered roll-out",
    "dispersion_two_way_effects": "Two-way fixed effects",
    "gradient": "Gain on ability, OLS",
    "gradient_iv": "Gain on ability, IV",
    "gradient_of_output": "Gain on earlier output, IV",
    "pairs_within": "Pairs of items within workers",
    "pairs_between": "Pairs of items, between arms",
    "pairs_before_after": "Pairs of items, after against before",
    "pairs_difference": "Pairs of items, difference in differences",
    "pairs_logit": "Pairs of items, logits of answers and scores",
    "effect_within": "Items of one worker, with and without AI",
    "effect_between": "Workers with AI against without",
    "effect_before_after": "Workers with AI, after against before",
    "effect_difference": "Difference in differences, mean output",
    "access_by_ability": "Access by ability, OLS",
    "access_by_ability_iv": "Access by ability, IV",
    "mincer": "Mincer regression",
    "mincer_iv": "Mincer regression, IV",
    "mincer_no_ability": "Mincer regression without ability",
    "exposure_triple_iv": "Triple difference by exposure, IV",
    "exposure_triple_no_ability": "Triple difference by exposure, without ability",
    "mincer_pooled": "Mincer regression, repeated cross-sections",
    "education_cells": "Cells of education",
    "linear_probability": "Linear probability",
    "logit": "Logit",
    "compression_iv": "Credentials on compression, IV",
    "compression_ols": "Credentials on compression, OLS",
    "signal_reliability": "Reliability of the signal",
    "variance_contrast": "Contrast of variances of firms' means",
    "variance_change": "Change of variances",
    "leave_out": "Variance of firm effects, leave-out",
    "rent_sharing": "Pay on the firm's surplus",
}
"""Estimator, in words."""

TERMS = {
    "delta_log_cv": "Change of log coefficient of variation",
    "delta_log_variance": "Change of log variance",
    "delta_log_mean_variance": "Change of log mean variance",
    "delta_log_iqr": "Change of log interquartile range",
    "delta_log_cv_pooled": "Change of log coefficient of variation, pooled",
    "ability_gradient": "Slope of the gain on ability",
    "delta_log_sd": "Change of log standard deviation, net of noise",
    "delta_log_cv_net": "Change of log coefficient of variation, net of noise",
    "ability_gradient_net": "Slope of the gain on ability, net of noise",
    "delta_log_noise": "Change of log noise",
    "delta_log_sd_logit": "Change of log standard deviation of logits, net of noise",
    "average_effect_log": "Average effect, log points",
    "average_effect_percent": "Average effect, percent",
    "average_effect_level": "Average effect, level",
    "delta_return_cog": "Change of return to cognitive education",
    "delta_return_soc": "Change of return to social education",
    "delta_return_gap": "Change of the gap in returns",
    "delta_log_return_cog": "Change of log return to cognitive education",
    "delta_log_return_soc": "Change of log return to social education",
    "delta_log_return_gap": "Change of the gap in log returns",
    "delta_log_return_cog_by_exposure": "Change of log return to cognitive education, by exposure",
    "delta_log_return_soc_by_exposure": "Change of log return to social education, by exposure",
    "delta_credential": "Change of credential requirements",
    "credential_slope": "Slope of credentials on compression",
    "delta_log_reliability": "Change of log reliability",
    "between_variance_contrast": "Contrast of between-firm variance",
    "log_ratio_contrast": "Contrast of log ratios of variance",
    "delta_between_variance": "Change of between-firm variance",
    "delta_within_variance": "Change of within-firm variance",
    "delta_between_share": "Change of the between-firm share",
    "delta_firm_effect_variance": "Change of variance of firm effects",
    "rent_sharing": "Rent sharing",
}
"""Estimand, in words."""


def estimator_words(name: str) -> str:
    """Return an estimator's words; its name with spaces for one of a user's own."""
    return ESTIMATORS.get(name, name.replace("_", " "))


def row_words(row: Mapping[str, object]) -> str:
    """Return the words of a row's estimator, and its arm where arms are compared in turn."""
    words, arm = estimator_words(str(row["estimator"])), row.get("arm")
    return f"{words}, {arm}" if arm else words


def term_words(name: str) -> str:
    """Return an estimand's words; its name with spaces for one of a user's own."""
    return TERMS.get(name, name.replace("_", " "))
