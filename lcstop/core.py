"""Ray Tune searches of lcstop 0.1 name this module in their pickles, so that they can be restored."""

from lcstop.pruning.core import PrunerCore

__all__ = ["PrunerCore"]
