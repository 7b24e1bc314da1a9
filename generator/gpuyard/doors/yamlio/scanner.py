"""ruamel.yaml's scanner, with what we refuse made harmless, and bounded in time.

Anchors, aliases, tags and directives are recognised and passed on (or noted), never interpreted. Their
names are not even read: that is where the library is slow and where it fails in the most ways.
"""

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.parser import Parser
from ruamel.yaml.scanner import Scanner, ScannerError
from ruamel.yaml.tokens import TagToken

__all__ = ["MAX_DEPTH", "StrictScanner", "TooDeepError", "strict_yaml"]

MAX_DEPTH = 32
_BLANKS = "\0 \t\r\n"
_NAME_ENDS = _BLANKS + ",[]{}"


class TooDeepError(ScannerError):
    """Flow collections ([ and {) are nested too deeply."""


class StrictScanner(Scanner):
    """Tokens of a text; `directives` are the places (line, column from 0) of the directives it skipped."""

    def __init__(self, loader: Any = None) -> None:
        self.directives: list[tuple[int, int]] = []
        super().__init__(loader)

    def scan_anchor(self, TokenClass: Any) -> Any:
        """An anchor or alias, without its name."""
        start = self.reader.get_mark()
        self._skip_to(_NAME_ENDS)
        return TokenClass("refused", start, self.reader.get_mark())

    def scan_tag(self) -> Any:
        """A tag, without its name."""
        start = self.reader.get_mark()
        self._skip_to(_NAME_ENDS if self.flow_context else _BLANKS)
        return TagToken(("!", "refused"), start, self.reader.get_mark())

    def fetch_directive(self) -> None:
        """A line that begins with %: noted and skipped."""
        self.directives.append((self.reader.line, self.reader.column))
        self._skip_to("\0\n")

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:
        """An opening [ or {; refused here because the library looks 1024 characters ahead of its parser."""
        if len(self.flow_context) >= MAX_DEPTH:
            raise TooDeepError(None, None, "too deep", self.reader.get_mark())
        super().fetch_flow_collection_start(TokenClass, to_push)

    def fetch_more_tokens(self) -> None:
        """The next tokens; where the library trips over hostile text, that is an error of the text."""
        try:
            super().fetch_more_tokens()
        except YAMLError:
            raise
        except Exception as error:
            raise ScannerError(None, None, f"tripped: {error!r}", self.reader.get_mark()) from error

    # What follows does the same as the library in two thirds of the time: it runs ten times for each value.

    def need_more_tokens(self) -> bool:
        """Whether the first token could still turn out to follow one that isn't made yet."""
        if self.done or not self.tokens:
            return not self.done
        if not self.possible_simple_keys:
            return False
        self.stale_possible_simple_keys()
        return bool(self.next_possible_simple_key() == self.tokens_taken)

    def check_token(self, *choices: Any) -> bool:
        """Whether the next token is one of the given kinds."""
        if not self.tokens or self.possible_simple_keys:
            while self.need_more_tokens():
                self.fetch_more_tokens()
        return bool(self.tokens) and (not choices or isinstance(self.tokens[0], choices))

    def _skip_to(self, ends: str) -> None:
        while self.reader.peek() not in ends:
            self.reader.forward()


class _Parser(Parser):
    scanner: Any = None  # a property in the library, asked for every token

    def __init__(self, loader: Any) -> None:
        self.scanner = loader.scanner
        super().__init__(loader)


def strict_yaml() -> YAML:
    """A reader of events for one text; comments are dropped and nothing is constructed."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = StrictScanner
    yaml.Parser = _Parser
    return yaml
