"""The one door for PromQL: what a query reads and what shape its result has, by a parser of Prometheus' own grammar."""

from gpuyard.doors.promql.query import Query, Selector, parse

__all__ = ["Query", "Selector", "parse"]
