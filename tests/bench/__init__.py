"""Benchmarks (`make bench`); they compare two things in one run and print the ratio."""
