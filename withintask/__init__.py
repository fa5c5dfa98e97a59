"""Data toolkit and model-testing harness for within-task effects of generative AI: ``import withintask as wt``.

The names below are the whole of the public door; each is loaded when it is first asked for. Published files have a door of their own,
``withintask.ingest``.
"""

from importlib import import_module as _import
from pathlib import Path as _Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from withintask.ingest.changes import education_changes as education_changes
    from withintask.ingest.changes import occupation_changes as occupation_changes
    from withintask.ingest.database import connect as connect
    from withintask.ingest.describe import describe_store as describe_store
    from withintask.ingest.exposure.compare import compare_measures as compare_measures
    from withintask.ingest.exposure.compare import exposure_values as exposure_values
    from withintask.ingest.exposure.own import add_measure as add_measure
    from withintask.ingest.load import load_oews as load_oews
    from withintask.ingest.load import scan_table as scan_table
    from withintask.ingest.occupation_years import occupation_panel as occupation_panel
    from withintask.ingest.oews.comparable import comparable_codes as comparable_codes
    from withintask.ingest.oews.recensor import recensor as recensor
    from withintask.ingest.panels.adapters import import_panel as import_panel
    from withintask.ingest.store import build_store as build_store
    from withintask.larger import estimate_from_cells as estimate_from_cells
    from withintask.larger import estimate_larger as estimate_larger
    from withintask.model_results import HeadlineResult as HeadlineResult
    from withintask.model_results import ModelFit as ModelFit
    from withintask.model_results import MomentSensitivity as MomentSensitivity
    from withintask.model_results import Verdicts as Verdicts
    from withintask.panel.errors import ModelError as ModelError
    from withintask.panel.panel import Panel as Panel
    from withintask.panel.panel import PanelInfo as PanelInfo
    from withintask.panel.store import read_panel as read_panel
    from withintask.panel.store import write_panel as write_panel
    from withintask.panel.validate import validate as validate
    from withintask.power_results import PowerResult as PowerResult
    from withintask.power_results import run_power_study as run_power_study
    from withintask.results import Estimates as Estimates
    from withintask.results import estimate as estimate
    from withintask.results import side_by_side as side_by_side
    from withintask.sign_results import SignResult as SignResult
    from withintask.sign_results import sign as sign
    from withintask.sim.design import Design as Design
    from withintask.sim.designs import change_design as change_design
    from withintask.sim.designs import load_design as load_design
    from withintask.sim.designs import load_designs as load_designs
    from withintask.sim.economy import Economy as Economy
    from withintask.sim.economy import solve_economy as solve_economy
    from withintask.sim.params import Params as Params
    from withintask.sim.params import load_params as load_params
    from withintask.sim.params import vary as vary
    from withintask.sim.regime import boundary as boundary
    from withintask.sim.regime import regime as regime
    from withintask.sim.shocks import draw_shocks as draw_shocks
    from withintask.sim.simulate import simulate as simulate
    from withintask.sim.simulate import simulate_many as simulate_many
    from withintask.sim.stream import write_streamed as write_streamed
    from withintask.sim.worlds import load_world as load_world
    from withintask.studies import fit_msm as fit_msm
    from withintask.studies import headline as headline
    from withintask.studies import sensitivity as sensitivity
    from withintask.studies import verdicts as verdicts
    from withintask.tests_of_model.components.between_within import between_within as between_within
    from withintask.tests_of_model.components.two_way import (
        two_way_components as two_way_components,
    )
    from withintask.tests_of_model.evidence.occupation_trends import (
        occupation_evidence as occupation_evidence,
    )
    from withintask.tests_of_model.evidence.timing import arrivals as arrivals
    from withintask.tests_of_model.harness.analysis import capabilities as capabilities
    from withintask.tests_of_model.harness.diagnose import diagnose as diagnose
    from withintask.tests_of_model.harness.item_analysis import (
        effect_by_baseline as effect_by_baseline,
    )
    from withintask.tests_of_model.harness.item_analysis import (
        persistence_curve as persistence_curve,
    )
    from withintask.tests_of_model.harness.power.curve import smallest_sample as smallest_sample
    from withintask.tests_of_model.harness.power.effect import solve_effect as solve_effect
    from withintask.tests_of_model.harness.power.study import PowerStudy as PowerStudy
    from withintask.tests_of_model.harness.power.study import read_study as read_study
    from withintask.tests_of_model.harness.replicate import plan as plan
    from withintask.tests_of_model.harness.replicate import replicate as replicate
    from withintask.tests_of_model.harness.synthetic import draw_panel as draw_panel
    from withintask.tests_of_model.hypotheses.attrition import attrition_bounds as attrition_bounds
    from withintask.tests_of_model.hypotheses.compliance import compliance as compliance
    from withintask.tests_of_model.hypotheses.confounding import confounding as confounding
    from withintask.tests_of_model.hypotheses.distribution import distribution as distribution
    from withintask.tests_of_model.hypotheses.estimates import from_moments as from_moments
    from withintask.tests_of_model.hypotheses.event_study import EventStudy as EventStudy
    from withintask.tests_of_model.hypotheses.event_study import event_study as event_study
    from withintask.tests_of_model.hypotheses.event_study import (
        group_time_effects as group_time_effects,
    )
    from withintask.tests_of_model.hypotheses.hypothesis import Estimate as Estimate
    from withintask.tests_of_model.hypotheses.hypothesis import Estimator as Estimator
    from withintask.tests_of_model.hypotheses.hypothesis import Hypothesis as Hypothesis
    from withintask.tests_of_model.hypotheses.joint import joint as joint
    from withintask.tests_of_model.hypotheses.options import options_table as options_table
    from withintask.tests_of_model.hypotheses.panel_components import components as components
    from withintask.tests_of_model.hypotheses.registry import HYPOTHESES as HYPOTHESES
    from withintask.tests_of_model.hypotheses.spillovers import spillovers as spillovers
    from withintask.tests_of_model.hypotheses.trend_sensitivity import (
        trend_sensitivity as trend_sensitivity,
    )
    from withintask.tests_of_model.moments.targets import load_target as load_target
    from withintask.tests_of_model.regression.bootstrap import wild_bootstrap as wild_bootstrap
    from withintask.tests_of_model.regression.fit import fit as fit
    from withintask.tests_of_model.regression.formula import regress as regress
    from withintask.tests_of_model.regression.options import Effects as Effects
    from withintask.tests_of_model.regression.options import Inference as Inference
    from withintask.tests_of_model.regression.options import Instruments as Instruments
    from withintask.tests_of_model.regression.options import Options as Options
    from withintask.tests_of_model.regression.randomization import (
        randomization_test as randomization_test,
    )
    from withintask.tests_of_model.samples.sample import Sample as Sample

_MODEL = "withintask.tests_of_model"
_WHERE = {
    "withintask.larger": ("estimate_larger", "estimate_from_cells"),
    "withintask.panel.panel": ("Panel", "PanelInfo"),
    "withintask.panel.store": ("read_panel", "write_panel"),
    "withintask.panel.validate": ("validate",),
    "withintask.panel.errors": ("ModelError",),
    "withintask.ingest.changes": ("education_changes", "occupation_changes"),
    "withintask.ingest.database": ("connect",),
    "withintask.ingest.describe": ("describe_store",),
    "withintask.ingest.exposure.compare": ("compare_measures", "exposure_values"),
    "withintask.ingest.exposure.own": ("add_measure",),
    "withintask.ingest.occupation_years": ("occupation_panel",),
    "withintask.ingest.oews.comparable": ("comparable_codes",),
    "withintask.ingest.oews.recensor": ("recensor",),
    "withintask.ingest.load": ("load_oews", "scan_table"),
    "withintask.ingest.panels.adapters": ("import_panel",),
    "withintask.ingest.store": ("build_store",),
    "withintask.sim.params": ("Params", "load_params", "vary"),
    "withintask.sim.economy": ("Economy", "solve_economy"),
    "withintask.sim.regime": ("regime", "boundary"),
    "withintask.sim.design": ("Design",),
    "withintask.sim.designs": ("load_design", "load_designs", "change_design"),
    "withintask.sim.worlds": ("load_world",),
    "withintask.sim.shocks": ("draw_shocks",),
    "withintask.sim.simulate": ("simulate", "simulate_many"),
    "withintask.sim.stream": ("write_streamed",),
    f"{_MODEL}.hypotheses.hypothesis": ("Hypothesis", "Estimator", "Estimate"),
    f"{_MODEL}.hypotheses.estimates": ("from_moments",),
    f"{_MODEL}.hypotheses.attrition": ("attrition_bounds",),
    f"{_MODEL}.hypotheses.compliance": ("compliance",),
    f"{_MODEL}.hypotheses.confounding": ("confounding",),
    f"{_MODEL}.hypotheses.distribution": ("distribution",),
    f"{_MODEL}.hypotheses.joint": ("joint",),
    f"{_MODEL}.hypotheses.options": ("options_table",),
    f"{_MODEL}.hypotheses.panel_components": ("components",),
    f"{_MODEL}.hypotheses.spillovers": ("spillovers",),
    f"{_MODEL}.hypotheses.registry": ("HYPOTHESES",),
    f"{_MODEL}.hypotheses.event_study": ("event_study", "group_time_effects", "EventStudy"),
    f"{_MODEL}.hypotheses.trend_sensitivity": ("trend_sensitivity",),
    f"{_MODEL}.samples.sample": ("Sample",),
    f"{_MODEL}.regression.fit": ("fit",),
    f"{_MODEL}.regression.options": ("Effects", "Instruments", "Inference", "Options"),
    f"{_MODEL}.regression.bootstrap": ("wild_bootstrap",),
    f"{_MODEL}.regression.randomization": ("randomization_test",),
    f"{_MODEL}.regression.formula": ("regress",),
    f"{_MODEL}.components.between_within": ("between_within",),
    f"{_MODEL}.components.two_way": ("two_way_components",),
    f"{_MODEL}.harness.item_analysis": ("effect_by_baseline", "persistence_curve"),
    "withintask.model_results": ("Verdicts", "ModelFit", "MomentSensitivity", "HeadlineResult"),
    "withintask.power_results": ("PowerResult", "run_power_study"),
    "withintask.sign_results": ("SignResult", "sign"),
    "withintask.studies": ("verdicts", "fit_msm", "sensitivity", "headline"),
    "withintask.results": ("Estimates", "estimate", "side_by_side"),
    f"{_MODEL}.harness.analysis": ("capabilities",),
    f"{_MODEL}.harness.synthetic": ("draw_panel",),
    f"{_MODEL}.harness.replicate": ("plan", "replicate"),
    f"{_MODEL}.harness.diagnose": ("diagnose",),
    f"{_MODEL}.harness.power.curve": ("smallest_sample",),
    f"{_MODEL}.harness.power.effect": ("solve_effect",),
    f"{_MODEL}.harness.power.study": ("PowerStudy", "read_study"),
    f"{_MODEL}.moments.targets": ("load_target",),
    f"{_MODEL}.evidence.occupation_trends": ("occupation_evidence",),
    f"{_MODEL}.evidence.timing": ("arrivals",),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = ["__version__", *_MODULE_OF]  # noqa: PLE0604 (names, not values)

# In a checkout the other packages lie beside this folder: Python started there finds them as it does when installed.
_ROOT = _Path(__file__).resolve().parents[1]
if (_ROOT / "sim" / "equations.py").is_file() and (_ROOT / "pyproject.toml").is_file():
    __path__.append(str(_ROOT))


def __getattr__(name: str) -> Any:
    """Load a public name; suggest the nearest where there is none."""
    if name == "__version__":
        return _version()
    if name not in _MODULE_OF:
        from difflib import get_close_matches

        near = get_close_matches(name, _MODULE_OF, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; see dir(withintask)"
        raise AttributeError(f"module 'withintask' has no name {name!r}{hint}")
    value = getattr(_import(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("withintask")
    except PackageNotFoundError:
        return "not installed"
