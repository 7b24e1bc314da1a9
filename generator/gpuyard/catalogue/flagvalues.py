"""What a flag of vLLM may hold, whatever the flag: our chart writes it into a configuration file, and takes no more."""

import re
from collections.abc import Iterator

__all__ = ["content"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONGEST_TEXT, _LONGEST_KEY, _MOST_ENTRIES = 65536, 4096, 256
_LARGEST = 10**15


def content(value: object) -> Iterator[str]:
    """What is wrong with a flag's value, each kind of mistake once."""
    found = [*_words(value), *(message for each in _inside(value) for message in _limits(each))]
    yield from dict.fromkeys(found)


def _words(value: object) -> Iterator[str]:
    """A value, or each entry of a list, is a word of the command line."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and item.startswith("-"):
            yield "must not begin with a dash: vLLM would read it as a flag"
        elif isinstance(value, list) and isinstance(item, list | dict):
            yield "may only list texts, numbers, true and false"


def _inside(value: object) -> Iterator[object]:
    """The value, and everything in it."""
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _inside(item)


def _limits(value: object) -> Iterator[str]:
    if isinstance(value, str) and _CONTROL.search(value):
        yield "must not contain control characters"
    elif isinstance(value, str) and len(value) > _LONGEST_TEXT:
        yield f"may have {_LONGEST_TEXT} characters at most"
    elif isinstance(value, int | float) and abs(value) > _LARGEST:
        yield "is a number beyond 10^15; quote it if it is text"
    elif isinstance(value, list | dict) and len(value) > _MOST_ENTRIES:
        yield f"may have {_MOST_ENTRIES} entries at most"
    elif isinstance(value, dict) and any(len(key) > _LONGEST_KEY for key in value):
        yield f"may have keys of {_LONGEST_KEY} characters at most"
