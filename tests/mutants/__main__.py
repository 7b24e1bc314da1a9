"""Which faults do the tests see? `make mutants`, or `python -m tests.mutants -k NAME -n 2`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tests.mutants.catalogue import Mutant, mutants, mutated, without_effect
from tests.mutants.checkout import FailedError, copied, failing

__all__ = ["Outcome", "confirmed", "main", "outcome"]

ROOT = Path(__file__).resolve().parents[2]
LEAST = 95
"""Per cent that have to be killed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: killed, survived, doesn't apply or failed; and the test that saw it, or the reason."""

    mutant: Mutant
    word: str
    by: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where too many survive, one no longer applies, or what is run isn't the copy."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("-k", metavar="NAME", default="", help="the one of this id, or all whose file or text has it")
    parser.add_argument("-n", metavar="COPIES", type=int, default=2, help="how many at once (default: 2)")
    options = parser.parse_args(arguments)
    chosen = [each for each in mutants() if options.k == each.id or options.k in f"{each.file} {each.seen}"]
    if not chosen:
        parser.error(f"no mutant is called {options.k}, and none's file or text has it")
    with ThreadPoolExecutor(options.n) as pool:
        found = []
        for each in pool.map(lambda mutant: outcome(mutant, ROOT), [*without_effect(), *chosen]):
            found.append(each)
            sys.stderr.write(f"{len(found)}/{len(chosen) + len(without_effect())} {each.mutant.id}: {each.word}\n")
    controls, found = found[: len(without_effect())], confirmed(found[len(without_effect()) :], ROOT)
    sys.stdout.write("\n".join(_report(controls, found)) + "\n")
    return 0 if _passed(controls, found) else 1


def outcome(mutant: Mutant, root: Path) -> Outcome:
    """The mutant alone in a copy of its own, before its tests."""
    try:
        text = mutated(mutant, root)
        with copied(root) as copy:
            (copy / mutant.file).write_text(text, encoding="utf-8")
            seen = failing(copy, mutant.tests, "-x")
    except (ValueError, FailedError) as error:
        return Outcome(mutant, "does not apply" if isinstance(error, ValueError) else "failed", str(error))
    return Outcome(mutant, "killed", seen[0]) if seen else Outcome(mutant, "survived")


def confirmed(outcomes: Sequence[Outcome], root: Path) -> list[Outcome]:
    """A test that fails without any mutant, too, has seen none."""
    tests = sorted({_function(each.by) for each in outcomes if each.word == "killed" and "::" in each.by})
    if not tests:
        return list(outcomes)
    with copied(root) as copy:
        always = set(map(_function, failing(copy, tests)))
    return [
        replace(each, word="failed", by=f"{each.by} fails without it, too") if _function(each.by) in always else each
        for each in outcomes
    ]


def _function(test: str) -> str:
    """Without its parameters, which may come from what a mutant changed."""
    return test.partition("[")[0]


def _report(controls: Sequence[Outcome], outcomes: Sequence[Outcome]) -> Iterator[str]:
    for each in controls:
        if each.word != "survived":
            yield f"what ran is not the copy alone: {each.mutant.id} was {each.word} by {each.by}"
    for each in outcomes:
        if each.word != "killed":
            yield f"{each.word}: {each.mutant.id} ({each.mutant.file}): {each.mutant.seen}"
            yield from filter(None, [each.by])
    killed = sum(each.word == "killed" for each in outcomes)
    yield f"{killed} of {len(outcomes)} killed: {100 * killed / len(outcomes):.1f} % (at least {LEAST} %)"


def _passed(controls: Sequence[Outcome], outcomes: Sequence[Outcome]) -> bool:
    killed = sum(each.word == "killed" for each in outcomes)
    sound = all(each.word in ("killed", "survived") for each in outcomes)
    return sound and all(each.word == "survived" for each in controls) and 100 * killed >= LEAST * len(outcomes)


if __name__ == "__main__":
    sys.exit(main())
