"""The parser of Prometheus' own grammar, and ways through what it gives."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from operator import add, mul, sub
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promql_parser import Expr

__all__ = ["bare", "grammar", "number", "walk"]

_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {"+": add, "-": sub, "*": mul}


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


def number(expr: "Expr") -> float | None:
    """What it comes to without any series, as far as it is plain arithmetic."""
    parser = grammar()
    if isinstance(expr, parser.NumberLiteral):
        return float(expr.val)
    if isinstance(expr, parser.ParenExpr):
        return number(expr.expr)
    if isinstance(expr, parser.UnaryExpr):
        inner = number(expr.expr)
        return None if inner is None else -inner
    if isinstance(expr, parser.Call) and expr.func.name in ("vector", "scalar"):
        return number(expr.args[0])
    if isinstance(expr, parser.BinaryExpr) and (made := _ARITHMETIC.get(str(expr.op))):
        left, right = number(expr.lhs), number(expr.rhs)
        return None if left is None or right is None else made(left, right)
    return None
