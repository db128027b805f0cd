"""Commands of ``lcstop`` that are more than a few lines; :mod:`lcstop.cli` puts them together."""
