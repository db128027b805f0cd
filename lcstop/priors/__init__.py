"""Priors: vectorised samplers of learning curves."""
