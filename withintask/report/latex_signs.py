"""What stands in LaTeX for the signs of these tables."""

_GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "Δ": "Delta",
    "η": "eta",
    "θ": "theta",
    "κ": "kappa",
    "Λ": "Lambda",
    "μ": "mu",
    "ν": "nu",
    "ξ": "xi",
    "ρ": "rho",
    "σ": "sigma",
    "τ": "tau",
    "φ": "varphi",
    "χ": "chi",
    "ψ": "psi",
    "ω": "omega",
    "±": "pm",
    "×": "times",
    "−": "mathrm{-}",
    "≤": "leq",
    "≥": "geq",
    "∞": "infty",
    "→": "to",
    "′": "prime",
}
"""Signs that a journal's LaTeX has in mathematics alone."""
SIGNS = str.maketrans(
    {
        **{sign: rf"$\{name}$" for sign, name in _GREEK.items()},
        "–": "--",
        "·": r"\textperiodcentered{}",
        "…": r"\ldots{}",
        "“": "``",
        "”": "''",
        "²": r"\textsuperscript{2}",
        "³": r"\textsuperscript{3}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)
"""For ``str.translate``."""
