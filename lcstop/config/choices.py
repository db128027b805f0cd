"""The allowed values of the options that are names."""

from typing import Literal

Policy = Literal["study", "published"]
"""``study`` judges a trial by the other trials of its study, ``published`` by a forecast of its own curve."""

KeepName = Literal["safe", "balanced", "bold"]
"""Names for values of ``keep``; see :data:`lcstop.config.keep.KEEP`."""

Preset = Literal["safe", "balanced", "bold"]
"""Thresholds of ``policy="study"`` before there was ``keep``. They go away in 0.3."""

SurrogateName = Literal["lcpfn", "lcpfn-published", "mcmc", "powerlaw", "last_value"]
"""Names that :func:`lcstop.load_surrogate` takes. A surrogate forecasts the rest of a curve."""
