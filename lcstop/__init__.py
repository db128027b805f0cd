"""lcstop stops hyperparameter-optimization trials that will not win, by learning-curve forecasts."""

from lcstop._utils.log_handler import show_warnings_of
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
