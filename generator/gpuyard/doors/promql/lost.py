"""Whether a query has a value that does not follow from its series, as where they are lost.

Each part is judged once, from the inside out: to ask again at every level takes minutes for a query of a line.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpuyard.doors.promql.parser import grammar

if TYPE_CHECKING:
    from promql_parser import BinaryExpr, Call, Expr

__all__ = ["ALONGSIDE", "drop", "has_value"]

ALONGSIDE = ("and", "unless")
"""Operators whose elements are those of the left side."""
_COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
_ALWAYS = ("pi",)
_SAME = ("-", "/", "%")
"""Operators that make the same of two equal sides, whatever they are."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What is known of a part of a query."""

    lasts: bool = False
    """It has a value though there are no series, or one that does not follow from them."""
    fixed: bool = False
    """Its value is the same, whatever the values of its series are."""
    number: float | None = None
    """What it comes to without any series, as far as that is plain arithmetic."""
    vector: bool = False
    """That number is an element, and not only an argument."""
    reads: bool = False
    """There are series in it."""
    compares: bool = False
    answers: bool = False
    """It compares, and says 1 or 0."""
    text: bool = False
    size: int = 1


def has_value(expr: "Expr") -> bool:
    """Whether it has one though there are no series, or one that does not follow from them."""
    return _judged(expr).lasts


def drop(expr: "Expr") -> str:
    """What takes elements away by their value, or where there are others."""
    if not isinstance(expr, grammar().BinaryExpr):
        return ""
    op, modifier = str(expr.op), expr.modifier
    if op in _COMPARISONS and not (modifier and modifier.return_bool):
        return op
    return op if op in ALONGSIDE else ""


def _judged(expr: "Expr") -> _Part:
    parser = grammar()
    if isinstance(expr, parser.ParenExpr):
        return _judged(expr.expr)
    if isinstance(expr, parser.UnaryExpr):
        inner = _judged(expr.expr)
        return replace(inner, number=None if inner.number is None else -inner.number)
    if isinstance(expr, parser.NumberLiteral):
        return _Part(lasts=True, fixed=True, number=float(expr.val))
    if isinstance(expr, parser.BinaryExpr):
        return _binary(expr, _judged(expr.lhs), _judged(expr.rhs))
    if isinstance(expr, parser.Call):
        return _call(expr, [_judged(each) for each in expr.args])
    if isinstance(expr, parser.AggregateExpr | parser.SubqueryExpr):
        inner = _judged(expr.expr)
        fixed = inner.fixed or (isinstance(expr, parser.AggregateExpr) and str(expr.op) == "group")
        return replace(inner, fixed=fixed, lasts=fixed or inner.lasts, number=None, size=inner.size + 1)
    return _Part(text=True) if isinstance(expr, parser.StringLiteral) else _Part(reads=True)


def _binary(expr: "BinaryExpr", left: _Part, right: _Part) -> _Part:
    op, number = str(expr.op), _arithmetic(str(expr.op), left.number, right.number)
    same = op in _SAME and left.size == right.size and expr.lhs.prettify() == expr.rhs.prettify()
    nothing = (op == "*" and 0 in (left.number, right.number)) or (op == "^" and right.number == 0)
    fixed = number is not None or same or nothing or (left.fixed and (right.fixed or op in ALONGSIDE))
    if op == "or":
        lasts = left.lasts or right.lasts or not right.reads or right.answers
    else:
        lasts = left.lasts if op == "unless" else fixed or (left.lasts and right.lasts)
    compares = op in _COMPARISONS
    return _Part(
        lasts=lasts,
        fixed=fixed,
        number=number,
        vector=left.vector or right.vector,
        reads=left.reads or right.reads,
        compares=compares or left.compares or right.compares,
        answers=(compares and not drop(expr)) or left.answers or right.answers,
        size=left.size + right.size,
    )


def _arithmetic(op: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    return {"+": left + right, "-": left - right, "*": left * right}.get(op)


def _call(expr: "Call", given: list[_Part]) -> _Part:
    name, vectors = expr.func.name, [each for each in given if not each.text and (each.number is None or each.vector)]
    number = given[0].number if name in ("vector", "scalar") else None
    fixed = number is not None or name == "present_over_time" or (bool(vectors) and all(each.fixed for each in vectors))
    if name in ("clamp", "clamp_max") and (most := given[-1].number) is not None:
        fixed = fixed or most <= 0 or most == given[-2].number
    return _Part(
        lasts=_call_lasts(name, given, vectors, fixed=fixed),
        fixed=fixed,
        number=number,
        vector=name == "vector" or any(each.vector for each in given),
        reads=any(each.reads for each in given),
        compares=any(each.compares for each in given),
        answers=any(each.answers for each in given),
        size=1 + sum(each.size for each in given),
    )


def _call_lasts(name: str, given: list[_Part], vectors: list[_Part], *, fixed: bool) -> bool:
    if name in _ALWAYS or name.startswith("absent"):
        return True
    if name == "scalar":
        return False  # NaN, by which nobody scales
    if name == "vector":  # a comparison makes a number of NaN
        return given[0].lasts or given[0].compares
    return fixed or any(each.lasts for each in vectors)
