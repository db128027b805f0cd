"""Measures surrogates against each other, on curves of the prior and on recorded ones."""
