"""Stage 4, commit: what has to change so that a place holds a tree, what of it is ours, and the lock that says so."""
