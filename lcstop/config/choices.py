"""The allowed values of the options that are names."""

from typing import Literal

Policy = Literal["study", "published"]
"""``study`` judges a trial by the other trials of its study, ``published`` by a forecast of its own curve."""

Preset = Literal["safe", "balanced", "bold"]
"""How early and with which thresholds ``policy="study"`` stops trials."""

SurrogateName = Literal["lcpfn", "lcpfn-published", "mcmc", "powerlaw", "last_value"]
"""Names that :func:`lcstop.load_surrogate` takes. A surrogate forecasts the rest of a curve."""
