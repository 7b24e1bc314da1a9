"""The one door for PromQL: what a query reads and what shape its result has, by a parser of Prometheus' own grammar."""

import re
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
_ALWAYS = ("pi",)
_LITERAL = re.compile(r"[A-Za-z0-9_:]*")
_LARGEST = ("topk", "bottomk", "limitk")


@dataclass(frozen=True, slots=True)
class Selector:
    """Series that a query reads: their name (None: by a pattern), and operator, label and value of each matcher."""

    name: str | None
    matchers: tuple[tuple[str, str, str], ...]
    patterns: tuple[tuple[str, str], ...] = ()
    """Operator and value of what else is asked of the name."""

    def may_read(self, prefix: str) -> bool:
        """Whether it may have series whose names begin so; patterns are not run, as anybody may have written them."""
        if self.name is not None:
            return self.name.startswith(prefix)
        ways = (each for op, value in self.patterns if op == "=~" for each in [_alternatives(value)])
        return all(any(_begins(way, prefix) for way in each) for each in ways)


@dataclass(frozen=True, slots=True)
class Query:
    """What is known of a query without running it."""

    selectors: tuple[Selector, ...]
    shape: str
    """Of its result where it is no vector or number: a range vector, or a string; else empty."""
    several: str
    """Why its result may have several elements; empty: it has one at most."""
    fallback: bool
    """It has a value where all series are lost."""
    alternative: bool
    """There is an `or` in it."""
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
    fallback = _has_value(expr)
    return Query(
        selectors=tuple(_selector(each) for each in parts if isinstance(each, _parser().VectorSelector)),
        shape=_shape(expr),
        several=_several(expr),
        fallback=fallback,
        alternative=any(isinstance(each, _parser().BinaryExpr) and str(each.op) == "or" for each in parts),
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
    patterns = tuple((op, value) for op, label, value in found if label == "__name__" and op != "=")
    return Selector(name, tuple(each for each in found if each[1] != "__name__"), patterns)


def _alternatives(pattern: str) -> Iterator[str]:
    """What stands between the bars that are in no bracket; whoever writes more than that may read anything."""
    depth, begin = 0, 0
    for at, character in enumerate(pattern):
        depth += (character in "([") - (character in ")]")
        if character == "|" and depth == 0:
            yield pattern[begin:at]
            begin = at + 1
    yield pattern[begin:]


def _begins(pattern: str, prefix: str) -> bool:
    """Whether a text that a pattern takes may begin so: by the letters before its first other character."""
    letters = _LITERAL.match(pattern.removeprefix("^"))[0]  # type: ignore[index]  # it takes the empty text, too
    if pattern.removeprefix("^")[len(letters) :][:1] in ("?", "*", "{"):
        letters = letters[:-1]
    return letters.startswith(prefix) or prefix.startswith(letters)


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


def _has_value(expr: "Expr") -> bool:
    """Whether it has one though there are no series, or one that does not follow from them."""
    parser, bare = _parser(), _bare(expr)
    if isinstance(bare, parser.BinaryExpr):
        return _binary_has_value(bare)
    if isinstance(bare, parser.AggregateExpr | parser.SubqueryExpr):
        return _has_value(bare.expr)
    if not isinstance(bare, parser.Call):
        return isinstance(bare, parser.NumberLiteral)
    if bare.func.name in _ALWAYS or bare.func.name.startswith("absent"):
        return True
    if bare.func.name == "scalar":
        return False  # NaN, by which nobody scales
    if bare.func.name == "vector":  # a comparison makes a number of NaN
        return _has_value(bare.args[0]) or any(map(_compares, _walk(bare.args[0])))
    return any(_has_value(each) for each in bare.args if not isinstance(_bare(each), parser.NumberLiteral))


def _binary_has_value(expr: "BinaryExpr") -> bool:
    op, sides = str(expr.op), (expr.lhs, expr.rhs)
    if op == "or":
        series = _parser().VectorSelector
        return any(map(_has_value, sides)) or not any(isinstance(each, series) for each in _walk(expr.rhs))
    if op == "unless":
        return _has_value(expr.lhs)
    zero = op == "*" and any(isinstance(_bare(each), _parser().NumberLiteral) and not _bare(each).val for each in sides)  # type: ignore[attr-defined]  # of a number
    return zero or all(map(_has_value, sides))


def _compares(expr: "Expr") -> bool:
    return isinstance(expr, _parser().BinaryExpr) and str(expr.op) in _COMPARISONS


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
