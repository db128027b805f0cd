"""Priors: vectorised samplers of artificial learning curves and studies. They need torch."""
