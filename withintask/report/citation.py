"""How to cite the toolkit, the paper, and the methods behind the estimators that were used."""

from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version

_PAPER = """@misc{chen_meng_2026,
  title = {When {AI} Levels the Playing Field},
  author = {Chen and Meng},
  year = {2026},
  eprint = {2603.05565},
  archivePrefix = {arXiv},
}"""
_KSS = """@article{kline_saggio_solvsten_2020,
  title = {Leave-Out Estimation of Variance Components},
  author = {Kline, Patrick and Saggio, Raffaele and S{\\o}lvsten, Mikkel},
  journal = {Econometrica},
  volume = {88},
  number = {5},
  pages = {1859--1898},
  year = {2020},
}"""
_MSM = """@article{mcfadden_1989,
  title = {A Method of Simulated Moments for Estimation of Discrete Response Models Without Numerical Integration},
  author = {McFadden, Daniel},
  journal = {Econometrica},
  volume = {57},
  number = {5},
  pages = {995--1026},
  year = {1989},
}"""
_AGS = """@article{andrews_gentzkow_shapiro_2017,
  title = {Measuring the Sensitivity of Parameter Estimates to Estimation Moments},
  author = {Andrews, Isaiah and Gentzkow, Matthew and Shapiro, Jesse M.},
  journal = {Quarterly Journal of Economics},
  volume = {132},
  number = {4},
  pages = {1553--1592},
  year = {2017},
}"""
_METHODS = {"leave_out": _KSS, "msm": _MSM, "sensitivity": _AGS}
"""By estimator or method, the publication whose method it is."""


def citation(estimators: Collection[str] = ()) -> str:
    """Write BibTeX entries of this version of the toolkit, of the paper, and of the estimators' methods.

    Parameters
    ----------
    estimators
        Names of the estimators that were used.
    """
    methods = dict.fromkeys(_METHODS[name] for name in estimators if name in _METHODS)
    return "\n\n".join([_software(), _PAPER, *methods])


def installed_version() -> str:
    """Version of withintask as installed."""
    try:
        return version("withintask")
    except PackageNotFoundError:
        return "not installed"


def _software() -> str:
    return f"""@software{{withintask,
  title = {{withintask: data toolkit and model tests for within-task effects of generative {{AI}}}},
  author = {{{{The withintask authors}}}},
  version = {{{installed_version()}}},
}}"""
