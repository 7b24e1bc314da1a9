"""Stage 1, load: the files that users write, checked and parsed once, with the place of every value."""
