"""Commands: what those of the command line share, and the ones that need a module of their own."""
