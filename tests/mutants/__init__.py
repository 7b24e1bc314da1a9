"""How strong the tests are: a list of faults (mutants.toml), each put alone into a copy of the checkout.

A fault that the nearest behaviour tests don't see is a hole in them. Golden files don't count: they see every
change, and say of none whether it is wrong.
"""
