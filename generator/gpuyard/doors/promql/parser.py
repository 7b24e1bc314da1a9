"""The parser of Prometheus' own grammar, and ways through what it gives."""

from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promql_parser import Expr

__all__ = ["bare", "grammar", "walk"]


@cache
def grammar() -> ModuleType:
    """Loaded where there is a query: most blueprints have none."""
    import promql_parser

    return promql_parser


def _inside(expr: "Expr") -> list["Expr"]:
    parser = grammar()
    if isinstance(expr, parser.BinaryExpr):
        return [expr.lhs, expr.rhs]
    if isinstance(expr, parser.Call):
        return list(expr.args)
    if isinstance(expr, parser.MatrixSelector):
        return [expr.vector_selector]
    if isinstance(expr, parser.AggregateExpr | parser.UnaryExpr | parser.ParenExpr | parser.SubqueryExpr):
        return [expr.expr]
    return []


def walk(expr: "Expr") -> Iterator["Expr"]:
    """An expression and all that are in it."""
    yield expr
    for each in _inside(expr):
        yield from walk(each)


def bare(expr: "Expr") -> "Expr":
    """Without brackets and sign."""
    parser = grammar()
    while isinstance(expr, parser.ParenExpr | parser.UnaryExpr):
        expr = expr.expr
    return expr
