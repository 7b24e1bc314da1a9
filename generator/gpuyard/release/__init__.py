"""A wing of the house: a stack as artifacts with a version, how they are signed, and whether they are true."""
