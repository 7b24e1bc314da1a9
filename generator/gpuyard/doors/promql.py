"""The one door for PromQL: what a query reads and what shape its result has, by a parser of Prometheus' own grammar."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promql_parser import AggregateExpr, BinaryExpr, Call, Expr

__all__ = ["Query", "Selector", "parse"]

_SAME_SIDE = ("and", "unless")
_COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
_ONE = ("absent", "absent_over_time", "scalar", "vector", "time", "pi")
"""Functions whose result is one value, whatever they are given."""
_LARGEST = ("topk", "bottomk", "limitk")


@dataclass(frozen=True, slots=True)
class Selector:
    """Series that a query reads: their name (None: by a pattern), and operator, label and value of each matcher."""

    name: str | None
    matchers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What is known of a query without running it."""

    selectors: tuple[Selector, ...]
    shape: str
    """Of its result where it is no vector or number: a range vector, or a string; else empty."""
    several: str
    """Why its result may have several elements; empty: it has one at most."""
    fallback: bool
    """Something in it goes on with a value that no series has, where series are lost."""
    drops: tuple[str, ...]
    """Parts by which it has no result though its series are there."""
    divides: bool
    """By what may be zero."""


def parse(text: str) -> Query | str:
    """The query, or what is wrong with it."""
    try:
        expr = _parser().parse(text)
    except ValueError as error:
        return str(error)
    parts = list(_walk(expr))
    fallback = any(_is_fallback(each) for each in parts)
    return Query(
        selectors=tuple(_selector(each) for each in parts if isinstance(each, _parser().VectorSelector)),
        shape=_shape(expr),
        several=_several(expr),
        fallback=fallback,
        drops=() if fallback else tuple(dict.fromkeys(filter(None, map(_drop, parts)))),
        divides=any(map(_divides, parts)),
    )


@cache
def _parser() -> ModuleType:
    """Loaded where there is a query: most blueprints have none."""
    import promql_parser

    return promql_parser


def _inside(expr: "Expr") -> list["Expr"]:
    parser = _parser()
    if isinstance(expr, parser.BinaryExpr):
        return [expr.lhs, expr.rhs]
    if isinstance(expr, parser.Call):
        return list(expr.args)
    if isinstance(expr, parser.MatrixSelector):
        return [expr.vector_selector]
    if isinstance(expr, parser.AggregateExpr | parser.UnaryExpr | parser.ParenExpr | parser.SubqueryExpr):
        return [expr.expr]
    return []


def _walk(expr: "Expr") -> Iterator["Expr"]:
    yield expr
    for each in _inside(expr):
        yield from _walk(each)


def _bare(expr: "Expr") -> "Expr":
    """Without brackets and sign."""
    parser = _parser()
    while isinstance(expr, parser.ParenExpr | parser.UnaryExpr):
        expr = expr.expr
    return expr


def _selector(expr: "Expr") -> Selector:
    names = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
    given = expr.matchers  # type: ignore[attr-defined]  # of a VectorSelector, which the caller has asked for
    groups = [given.matchers, *given.or_matchers]
    found = tuple((names[str(each.op)], each.name, each.value) for group in groups for each in group)
    equal = [value for op, label, value in found if label == "__name__" and op == "="]
    name = expr.name or next(iter(equal), None)  # type: ignore[attr-defined]  # the same
    return Selector(name, tuple(each for each in found if each[1] != "__name__"))


def _shape(expr: "Expr") -> str:
    parser, bare = _parser(), _bare(expr)
    if isinstance(bare, parser.StringLiteral):
        return "a string"
    return "a range vector" if isinstance(bare, parser.MatrixSelector | parser.SubqueryExpr) else ""


def _several(expr: "Expr") -> str:
    """Why there may be more than one element; wrappers have as many as what is in them."""
    parser, bare = _parser(), _bare(expr)
    if isinstance(bare, parser.VectorSelector | parser.MatrixSelector):
        return f"{bare.prettify().strip()} has one for each series"
    if isinstance(bare, parser.AggregateExpr):
        return _several_of_aggregate(bare)
    if isinstance(bare, parser.BinaryExpr):
        return _several_of_binary(bare)
    if isinstance(bare, parser.Call):
        return _several_of_call(bare)
    return _several(bare.expr) if isinstance(bare, parser.SubqueryExpr) else ""


def _several_of_aggregate(expr: "AggregateExpr") -> str:
    op, inner, modifier = str(expr.op), _several(expr.expr), expr.modifier
    by = bool(modifier and (modifier.labels or modifier.type == _parser().AggModifierType.Without))
    if op == "count_values":
        return "count_values has one for each value"
    if op in _LARGEST and not (isinstance(expr.param, _parser().NumberLiteral) and expr.param.val == 1 and not by):
        return inner and f"{op} keeps as many as it is told"
    if op == "limit_ratio":
        return inner
    return inner and f"{op} has one for each group" if by else ""


def _several_of_binary(expr: "BinaryExpr") -> str:
    if str(expr.op) in _SAME_SIDE:
        return _several(expr.lhs)
    return _several(expr.lhs) or _several(expr.rhs)


def _several_of_call(expr: "Call") -> str:
    name, parser = expr.func.name, _parser()
    if name in _ONE:
        return ""
    if name == "histogram_quantile" and isinstance(inner := _bare(expr.args[1]), parser.AggregateExpr):
        modifier = inner.modifier
        if modifier and modifier.type == parser.AggModifierType.By and modifier.labels == ["le"]:
            return ""
    return next(filter(None, map(_several, expr.args)), "")


def _is_fallback(expr: "Expr") -> bool:
    """`or` something that reads no series, or that is there because series are not."""
    parser = _parser()
    if not isinstance(expr, parser.BinaryExpr) or str(expr.op) != "or":
        return False
    parts = list(_walk(expr.rhs))
    absent = any(isinstance(each, parser.Call) and each.func.name.startswith("absent") for each in parts)
    return absent or not any(isinstance(each, parser.VectorSelector) for each in parts)


def _drop(expr: "Expr") -> str:
    """What takes elements away by their value, or where there are others."""
    if not isinstance(expr, _parser().BinaryExpr):
        return ""
    op, modifier = str(expr.op), expr.modifier
    if op in _COMPARISONS and not (modifier and modifier.return_bool):
        return op
    return op if op in _SAME_SIDE else ""


def _divides(expr: "Expr") -> bool:
    parser = _parser()
    if not isinstance(expr, parser.BinaryExpr) or str(expr.op) not in ("/", "%"):
        return False
    below = _bare(expr.rhs)
    if isinstance(below, parser.BinaryExpr) and str(below.op) in (">", "!="):
        return False  # nothing, where it would be zero
    guarded = isinstance(below, parser.Call) and below.func.name in ("clamp", "clamp_min", "vector", "scalar")
    return not guarded and any(isinstance(each, parser.VectorSelector) for each in _walk(below))
