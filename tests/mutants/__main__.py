"""Which faults do the tests see? `make mutants`, or `python -m tests.mutants -k NAME -n 2`."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.catalogue import Mutant, mutants, mutated, without_effect
from tests.mutants.checkout import Failed, copied, passes

__all__ = ["Outcome", "main", "outcome"]

ROOT = Path(__file__).resolve().parents[2]
LEAST = 95
"""Per cent that have to be killed."""
SEED = "--hypothesis-seed=0"
"""What one run sees the next one sees, too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: killed, survived, doesn't apply or failed."""

    mutant: Mutant
    word: str
    reason: str = ""


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
        if said := _untrue(pool, chosen):
            sys.stdout.write(f"{said}\n")
            return 1
        outcomes = []
        for number, found in enumerate(pool.map(lambda each: outcome(each, ROOT), chosen), 1):
            sys.stderr.write(f"{number}/{len(chosen)} {found.mutant.id}: {found.word}\n")
            outcomes.append(found)
    sys.stdout.write("\n".join(_report(outcomes)) + "\n")
    return 0 if _passed(outcomes) else 1


def outcome(mutant: Mutant, root: Path) -> Outcome:
    """The mutant alone in a copy of its own, before its tests."""
    try:
        text = mutated(mutant, root)
    except ValueError as error:
        return Outcome(mutant, "doesn't apply", str(error))
    with copied(root) as copy:
        (copy / mutant.file).write_text(text, encoding="utf-8")
        try:
            return Outcome(mutant, "survived" if passes(copy, mutant.tests, SEED) else "killed")
        except Failed as error:
            return Outcome(mutant, "failed", str(error))


def _untrue(pool: Executor, chosen: Iterable[Mutant]) -> str:
    """Why the tests would say nothing about the mutants: they fail without one, or run another checkout."""
    sys.stderr.write("without a mutant, and with changes that nothing may see\n")
    tests = sorted({test for mutant in chosen for test in mutant.tests})
    controls = pool.map(lambda each: outcome(each, ROOT), without_effect())
    with copied(ROOT) as copy:
        try:
            if not passes(copy, tests, SEED):
                return "the tests fail without a mutant: run them first"
        except Failed as error:
            return str(error)
    seen = [each for each in controls if each.word != "survived"]
    return "\n".join(f"what runs isn't the copy: {each.mutant.id} was {each.word} {each.reason}" for each in seen)


def _report(outcomes: Iterable[Outcome]) -> Iterable[str]:
    everything = list(outcomes)
    for found in everything:
        if found.word != "killed":
            yield f"{found.word}: {found.mutant.id} ({found.mutant.file}): {found.mutant.seen}"
            if found.reason:
                yield found.reason
    killed = sum(found.word == "killed" for found in everything)
    yield f"{killed} of {len(everything)} killed: {100 * killed / len(everything):.1f} % (at least {LEAST} %)"


def _passed(outcomes: Sequence[Outcome]) -> bool:
    killed = sum(found.word == "killed" for found in outcomes)
    sound = all(found.word in ("killed", "survived") for found in outcomes)
    return sound and 100 * killed >= LEAST * len(outcomes)


if __name__ == "__main__":
    sys.exit(main())
