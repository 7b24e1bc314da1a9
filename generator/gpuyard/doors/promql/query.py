"""What is known of a query: which series it reads, and what shape its result has."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from gpuyard.doors.promql.lost import ALONGSIDE, drop, has_value
from gpuyard.doors.promql.parser import bare, grammar, walk

if TYPE_CHECKING:
    from promql_parser import AggregateExpr, BinaryExpr, Call, Expr

__all__ = ["Query", "Selector", "parse"]

_ONE = ("absent", "absent_over_time", "scalar", "vector", "time", "pi")
"""Functions whose result is one value, whatever they are given."""
_LITERAL = re.compile(r"[A-Za-z0-9_:]*")
_LARGEST = ("topk", "bottomk", "limitk")
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|.", re.DOTALL)
"""Of a pattern: a character, an escaped one, or a set of them."""
_LONGEST = 1000
_MOST = 200
"""Operators and brackets of a query; those of the largest rules that people have are a third of it."""
_TEXT = re.compile(r"""(["'])(?:(?!\1)[^\\]|\\.)*(?:\1|\Z)|`[^`]*(?:`|\Z)|#[^\n]*""", re.DOTALL)
"""Strings and comments."""
_TIME = re.compile(r"(?:\boffset\b|\[|:)[\s+-]*(0x[0-9a-f]+|[0-9.]+(?:e[-+]?[0-9]+)?|inf|nan)", re.IGNORECASE)
_CENTURIES = 10**10
"""Seconds."""
_PART = re.compile(r"[-+*/%^(\[<>=!]|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)


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
    if wrong := _too_much(_TEXT.sub(" ", text)):
        return wrong
    try:
        expr = grammar().parse(text)
    except ValueError as error:
        return str(error)
    parts = list(walk(expr))
    if any(each.matchers.or_matchers for each in parts if isinstance(each, grammar().VectorSelector)):
        return "there is no `or` between matchers; write `or` between two selectors"
    fallback = has_value(expr)
    return Query(
        selectors=tuple(_selector(each) for each in parts if isinstance(each, grammar().VectorSelector)),
        shape=_shape(expr),
        several=_several(expr),
        fallback=fallback,
        alternative=any(isinstance(each, grammar().BinaryExpr) and str(each.op) == "or" for each in parts),
        drops=() if fallback else tuple(dict.fromkeys(filter(None, map(drop, parts)))),
        divides=any(map(_divides, parts)),
    )


def _too_much(text: str) -> str:
    """What the parser would not survive: its stack has an end, and so has what it takes for a time."""
    if len(_PART.findall(text)) > _MOST:
        return f"more than {_MOST} operators and brackets; record parts of it with rules of their own"
    times = (found[1].lower() for found in _TIME.finditer(text))
    if long := next((each for each in times if not _seconds(each) < _CENTURIES), ""):
        return f"{long[:20]} is no time that Prometheus looks back"
    return ""


def _seconds(number: str) -> float:
    try:
        return float(int(number, 16)) if number.startswith("0x") else float(number)
    except (ValueError, OverflowError):
        return 0.0 if "." in number else inf


def _selector(expr: "Expr") -> Selector:
    names = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
    given = expr.matchers  # type: ignore[attr-defined]  # of a VectorSelector, which the caller has asked for
    found = tuple((names[str(each.op)], each.name, each.value) for each in given.matchers)
    equal = [value for op, label, value in found if label == "__name__" and op == "="]
    name = expr.name or next(iter(equal), None)  # type: ignore[attr-defined]  # the same
    patterns = tuple((op, value) for op, label, value in found if label == "__name__" and op != "=")
    return Selector(name, tuple(each for each in found if each[1] != "__name__"), patterns)


def _alternatives(pattern: str) -> Iterator[str]:
    """What stands between the bars that are in no bracket; whoever writes more than that may read anything."""
    if len(pattern) > _LONGEST or r"\Q" in pattern:
        yield ""
        return
    depth, begin = 0, 0
    for token in _TOKEN.finditer(pattern):
        depth += (token[0] == "(") - (token[0] == ")")
        if token[0] == "|" and depth == 0:
            yield pattern[begin : token.start()]
            begin = token.end()
    yield pattern[begin:]


def _begins(pattern: str, prefix: str) -> bool:
    """Whether a text that a pattern takes may begin so: by the letters before its first other character."""
    letters = _LITERAL.match(pattern.removeprefix("^"))[0]  # type: ignore[index]  # it takes the empty text, too
    if pattern.removeprefix("^")[len(letters) :][:1] in ("?", "*", "{"):
        letters = letters[:-1]
    return letters.startswith(prefix) or prefix.startswith(letters)


def _shape(expr: "Expr") -> str:
    parser, inner = grammar(), bare(expr)
    if isinstance(inner, parser.StringLiteral):
        return "a string"
    return "a range vector" if isinstance(inner, parser.MatrixSelector | parser.SubqueryExpr) else ""


def _several(expr: "Expr") -> str:
    """Why there may be more than one element; wrappers have as many as what is in them."""
    parser, inner = grammar(), bare(expr)
    if isinstance(inner, parser.VectorSelector | parser.MatrixSelector):
        return f"{inner.prettify().strip()} has one for each series"
    if isinstance(inner, parser.AggregateExpr):
        return _several_of_aggregate(inner)
    if isinstance(inner, parser.BinaryExpr):
        return _several_of_binary(inner)
    if isinstance(inner, parser.Call):
        return _several_of_call(inner)
    return _several(inner.expr) if isinstance(inner, parser.SubqueryExpr) else ""


def _several_of_aggregate(expr: "AggregateExpr") -> str:
    op, inner, modifier = str(expr.op), _several(expr.expr), expr.modifier
    by = bool(modifier and (modifier.labels or modifier.type == grammar().AggModifierType.Without))
    if op == "count_values":
        return "count_values has one for each value"
    if op in _LARGEST and not (isinstance(expr.param, grammar().NumberLiteral) and expr.param.val == 1 and not by):
        return inner and f"{op} keeps as many as it is told"
    if op == "limit_ratio":
        return inner
    return inner and f"{op} has one for each group" if by else ""


def _several_of_binary(expr: "BinaryExpr") -> str:
    if str(expr.op) in ALONGSIDE:
        return _several(expr.lhs)
    return _several(expr.lhs) or _several(expr.rhs)


def _several_of_call(expr: "Call") -> str:
    name, parser = expr.func.name, grammar()
    if name in _ONE:
        return ""
    if name == "histogram_quantile" and isinstance(inner := bare(expr.args[1]), parser.AggregateExpr):
        modifier = inner.modifier
        if modifier and modifier.type == parser.AggModifierType.By and modifier.labels == ["le"]:
            return ""
    return next(filter(None, map(_several, expr.args)), "")


def _divides(expr: "Expr") -> bool:
    parser = grammar()
    if not isinstance(expr, parser.BinaryExpr) or str(expr.op) not in ("/", "%"):
        return False
    below = bare(expr.rhs)
    if isinstance(below, parser.BinaryExpr) and str(below.op) in (">", "!="):
        return False  # nothing, where it would be zero
    guarded = isinstance(below, parser.Call) and below.func.name in ("clamp", "clamp_min", "vector", "scalar")
    return not guarded and any(isinstance(each, parser.VectorSelector) for each in walk(below))
