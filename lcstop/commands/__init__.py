"""The command line. Each command has a module; :mod:`lcstop.commands.app` combines them."""
