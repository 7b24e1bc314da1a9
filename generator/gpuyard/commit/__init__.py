"""Stage 4, commit: what has to change where a tree is to be, which of it is ours to change, and the lock that says so."""
