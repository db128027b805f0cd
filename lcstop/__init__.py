"""lcstop stops hyperparameter-optimization trials that will not win, by learning-curve forecasts."""

from typing import TYPE_CHECKING

from lcstop._utils.lazy_names import lazy_names
from lcstop._utils.log_handler import show_warnings_of

if TYPE_CHECKING:
    from lcstop.config.pruner import PrunerConfig, load_config
    from lcstop.curves.curve import Curve
    from lcstop.curves.scale import MetricScale
    from lcstop.pruning.core import PrunerCore
    from lcstop.pruning.decision import Decision
    from lcstop.pruning.study_view import StudyView
    from lcstop.surrogates import Surrogate, load_surrogate
    from lcstop.surrogates.forecast import BarDistribution, Forecast

show_warnings_of("lcstop")

__version__ = "0.1.0"

# Imported when they are used: the command line does without most of them.
_MODULES = {
    "BarDistribution": "lcstop.surrogates.forecast",
    "Curve": "lcstop.curves.curve",
    "Decision": "lcstop.pruning.decision",
    "Forecast": "lcstop.surrogates.forecast",
    "MetricScale": "lcstop.curves.scale",
    "PrunerConfig": "lcstop.config.pruner",
    "PrunerCore": "lcstop.pruning.core",
    "StudyView": "lcstop.pruning.study_view",
    "Surrogate": "lcstop.surrogates",
    "load_config": "lcstop.config.pruner",
    "load_surrogate": "lcstop.surrogates",
}

__all__ = [
    "BarDistribution",
    "Curve",
    "Decision",
    "Forecast",
    "MetricScale",
    "PrunerConfig",
    "PrunerCore",
    "StudyView",
    "Surrogate",
    "load_config",
    "load_surrogate",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
