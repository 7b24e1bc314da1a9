"""Whether a query has a value that does not follow from its series, as where they are lost."""

from typing import TYPE_CHECKING

from gpuyard.doors.promql.parser import bare, grammar, number, walk

if TYPE_CHECKING:
    from promql_parser import BinaryExpr, Call, Expr

__all__ = ["ALONGSIDE", "COMPARISONS", "drop", "has_value"]

ALONGSIDE = ("and", "unless")
"""Operators whose elements are those of the left side."""
COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
_ALWAYS = ("pi",)
_SAME = ("-", "/", "%")
"""Operators that make the same of two equal sides, whatever they are."""


def has_value(expr: "Expr") -> bool:
    """Whether it has one though there are no series, or one that does not follow from them."""
    parser, inner = grammar(), bare(expr)
    if isinstance(inner, parser.BinaryExpr):
        return _binary_has_value(inner)
    if isinstance(inner, parser.AggregateExpr | parser.SubqueryExpr):
        return _fixed(inner) or has_value(inner.expr)
    if not isinstance(inner, parser.Call):
        return isinstance(inner, parser.NumberLiteral)
    if inner.func.name in _ALWAYS or inner.func.name.startswith("absent"):
        return True
    if inner.func.name == "scalar":
        return False  # NaN, by which nobody scales
    if inner.func.name == "vector":  # a comparison makes a number of NaN
        return has_value(inner.args[0]) or any(map(_compares, walk(inner.args[0])))
    return _fixed(inner) or any(map(has_value, _vectors(inner)))


def _binary_has_value(expr: "BinaryExpr") -> bool:
    op, sides = str(expr.op), (expr.lhs, expr.rhs)
    if op == "or":
        series = grammar().VectorSelector
        other = list(walk(expr.rhs))
        return any(map(has_value, sides)) or not any(isinstance(each, series) for each in other) or _answers(expr.rhs)
    if op == "unless":
        return has_value(expr.lhs)
    return _fixed(expr) or all(map(has_value, sides))


def _answers(expr: "Expr") -> bool:
    """Whether it only says yes or no, as 1 or 0."""
    return any(_compares(each) and not drop(each) for each in walk(expr))


def _fixed(expr: "Expr") -> bool:
    """Whether its value is the same, whatever the values of its series are."""
    parser, inner = grammar(), bare(expr)
    if number(inner) is not None:
        return True
    if isinstance(inner, parser.BinaryExpr):
        return _binary_is_fixed(inner)
    if isinstance(inner, parser.AggregateExpr):
        return str(inner.op) == "group" or _fixed(inner.expr)
    if isinstance(inner, parser.Call):
        return _call_is_fixed(inner)
    return isinstance(inner, parser.SubqueryExpr) and _fixed(inner.expr)


def _binary_is_fixed(expr: "BinaryExpr") -> bool:
    op, sides = str(expr.op), (expr.lhs, expr.rhs)
    if op in ALONGSIDE:
        return _fixed(expr.lhs)
    zero = [number(each) == 0 for each in sides]
    same = op in _SAME and bare(expr.lhs).prettify() == bare(expr.rhs).prettify()
    return same or (op == "*" and any(zero)) or (op == "^" and zero[1]) or all(map(_fixed, sides))


def _call_is_fixed(expr: "Call") -> bool:
    name, given = expr.func.name, list(map(number, expr.args))
    most = given[-1] if name in ("clamp", "clamp_max") else None
    if most is not None and (most <= 0 or most == given[-2]):
        return True
    vectors = _vectors(expr)
    return name == "present_over_time" or (bool(vectors) and all(map(_fixed, vectors)))


def _vectors(call: "Call") -> list["Expr"]:
    """Its arguments without those that only say how, such as texts and numbers."""
    return [each for each in call.args if not isinstance(each, grammar().StringLiteral) and not _scalar(each)]


def _scalar(expr: "Expr") -> bool:
    makes = (each.func.name for each in walk(expr) if isinstance(each, grammar().Call))
    return number(expr) is not None and "vector" not in makes


def _compares(expr: "Expr") -> bool:
    return isinstance(expr, grammar().BinaryExpr) and str(expr.op) in COMPARISONS


def drop(expr: "Expr") -> str:
    """What takes elements away by their value, or where there are others."""
    if not isinstance(expr, grammar().BinaryExpr):
        return ""
    op, modifier = str(expr.op), expr.modifier
    if op in COMPARISONS and not (modifier and modifier.return_bool):
        return op
    return op if op in ALONGSIDE else ""
