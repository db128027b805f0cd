"""Pre-training of the shipped surrogate: ``lcstop train``."""
