"""What a plain (unquoted) scalar means: to us (YAML 1.2's core schema) and to Kubernetes (almost 1.1)."""

import re

__all__ = ["AmbiguousError", "Scalar", "core", "kubernetes"]

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MORE_WORDS = _WORDS | {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_GO_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))")
_EXACT = 2**53  # beyond it, JSON numbers, and so Kubernetes and Helm, may lose digits
_MAX_DIGITS = 40


class AmbiguousError(ValueError):
    """A number that readers don't agree on; the text says what it is and what to write instead."""


def core(text: str) -> Scalar:
    """A plain scalar by YAML 1.2's core schema; AmbiguousError for numbers on which readers differ."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _NOT_FINITE.fullmatch(text):
        raise AmbiguousError(f"is {text}; a number must be finite")
    if _FLOAT.fullmatch(text):
        return _float(text)
    return text


def _integer(text: str) -> int:
    if len(text) <= _MAX_DIGITS:
        if _LEADING_ZERO.fullmatch(text):
            right = str(int(text))
            if not {*text} & {"8", "9"}:  # the mode of a file, most likely
                right = f"{int(text, 8)} for octal, {right} for decimal"
            raise AmbiguousError(
                f'is {text}, which some readers read as octal; write {right}, or "{text}" if it is text'
            )
        value = int(text, 0)
        if abs(value) <= _EXACT:
            return value
    raise AmbiguousError("is a whole number beyond 2^53, where digits are lost; quote it if it is text")


def _float(text: str) -> float:
    value = float(text) if len(text) <= _MAX_DIGITS else float("inf")
    if value in {float("inf"), float("-inf")}:
        raise AmbiguousError("is a number that is too large or too long; quote it if it is text")
    return value


def kubernetes(text: str) -> Scalar:
    """A plain scalar as Kubernetes, Helm and Flux read it (sigs.k8s.io/yaml): `on` is true, 017 is 15.

    Dates and 12:30 stay text there. A whole float is an integer: JSON, which follows, has one kind of number.
    """
    if text in _MORE_WORDS:
        return _MORE_WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"Kubernetes cannot read the number {text}")
    plain = text if text[0] == "." else text.replace("_", "")
    if match := _GO_INTEGER.fullmatch(plain):
        return _go_integer(match, text)
    return _go_float(plain, text) if _FLOAT.fullmatch(plain) else text


def _go_integer(match: re.Match[str], text: str) -> Scalar:
    sign, *digits = match.groups()
    base, number = next(pair for pair in zip((16, 8, 2, 10), digits, strict=True) if pair[1] is not None)
    value = int(number, base) * (-1 if sign == "-" else 1)
    if -(2**63) <= value < (2**63 if sign else 2**64):
        return value
    return _go_float(match.group(), text) if base == 10 else text


def _go_float(plain: str, text: str) -> Scalar:
    value = float(plain)
    if abs(value) == float("inf"):
        return text
    return int(value) if value.is_integer() and abs(value) < 1e21 else value
