"""lcstop stops hyperparameter-optimization trials that will not win, by learning-curve forecasts."""

from lcstop.config import PrunerConfig, load_config
from lcstop.core import PrunerCore
from lcstop.curve import Curve
from lcstop.decision import Decision, StudyView
from lcstop.forecast import BarDistribution, Forecast
from lcstop.scale import MetricScale
from lcstop.surrogates import Surrogate, load_surrogate

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
