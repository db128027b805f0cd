"""Commands of ``lcstop`` that are more than a few lines; :mod:`lcstop.commands.app` puts them together."""
