"""The command line: options in, results on stdout, an exit code out."""
