"""The command line: a module for each command; :mod:`lcstop.commands.app` puts them together."""
