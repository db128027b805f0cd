"""The names that options choose from."""

from typing import Literal

Policy = Literal["study", "published"]
"""What a trial is judged by: the other trials of its study, or the forecast of its own curve."""

Preset = Literal["safe", "balanced", "bold"]
"""How early and how boldly trials are stopped."""

SurrogateName = Literal["lcpfn", "lcpfn-published", "mcmc", "powerlaw", "last_value"]
"""What forecasts the rest of a curve; :func:`lcstop.load_surrogate` loads it."""
