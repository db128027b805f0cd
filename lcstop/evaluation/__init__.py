"""Comparison of surrogates by their forecasts, on curves of the prior and on recorded curves."""
