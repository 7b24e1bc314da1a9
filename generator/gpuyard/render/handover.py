"""From one engine to the other, while everything runs on: the part of the README with all commands, in their order."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from gpuyard.project.stack import Engine, Stack
from gpuyard.render.engines import ENGINES
from gpuyard.resolve import Resolved

__all__ = ["section"]

_TRIED = (
    "These commands were run in both directions with Flux 2.9 and Argo CD 3.6 on simulated nodes: the same "
    "pods, nothing created again."
)
_SOURCE = (
    "If `repository.source` named a source of yours until now, name it in these commands in the place of `{name}`, and "
    "suspend your Kustomization of `clusters/<cluster>` in the place of the entry's."
)
_HELM = (
    "Flux installs charts by Helm, which takes over only what carries its marks. Give them to what Argo CD has made:"
)


def section(resolved: Resolved) -> str:
    """In Markdown; nothing where the stack doesn't say that another engine had its clusters."""
    stack = resolved.stack
    old = stack.moved.engine if stack.moved else None
    if old is None or old is stack.engine:
        return ""
    title = f"## Hand-over from {old.product} to {stack.engine.product}"
    return "\n\n".join([title, f"{_TRIED} {_about(old)}", *_steps(resolved, old)])


def _about(old: Engine) -> str:
    kept = (
        f"Every step has to end before the next. While {old.product} is still an owner of fields, one that leaves the "
        "repository stays in the cluster, and nothing says so: hence the third step."
    )
    return f"{kept} Download Jobs may run once more, and find their files. Then remove `spec.moved` from `stack.yaml`."


def _steps(resolved: Resolved, old: Engine) -> Iterator[str]:
    stack = resolved.stack
    former, new = ENGINES[old], ENGINES[stack.engine]
    sites = [resolved.at(each.name) for each in stack.clusters]
    named = list(zip((each.name for each in stack.clusters), sites, strict=True))
    before, after = ({e.context(stack, name): site.stack for name, site in named} for e in (former, new))
    yield _step(f"1. Before the push: stop {old.product}.", _in_each(before, former.stop))
    if given := [line for name, site in named for line in former.give(site.stack, name, site.releases)]:
        yield _step(_HELM, given)
    else:
        yield _SOURCE.format(name=stack.name)
    follow = [
        f"kubectl --context {new.context(stack, name)} {line}"
        for name, site in named
        for line in new.commands(site.stack, name)
    ]
    yield _step(
        f"2. Push, and let each cluster follow {stack.engine.product}; where it needs Secrets of its own, create them "
        "first (“A new cluster” has the commands). Then let it apply everything once:",
        [*dict.fromkeys(follow), *(line for where, each in after.items() for line in new.adopt(each, where))],
    )
    let_go = [
        _let_go(f"kubectl --context {new.context(stack, each.name)} {new.bare(stack, each.name)}", each.name, manager)
        for each in stack.clusters
        for manager in former.managers()
    ]
    yield _step(
        f"3. Take {old.product} away as an owner of fields. Only for what {stack.engine.product} owns: anything "
        "else would "
        "be emptied.",
        let_go,
    )
    yield _step(
        f"4. Remove what {old.product} had. Its controllers must still run; afterwards they can go, too.",
        _in_each(before, former.remove),
    )


def _let_go(bare: str, cluster: str, manager: str) -> str:
    """An apply of nothing gives up all fields of its manager, and leaves those that another one has."""
    return f"{bare} | kubectl --context {cluster} apply --server-side --field-manager {manager} -f -"


def _in_each(contexts: Mapping[str, Stack], commands: Callable[[Stack, str], Iterator[str]]) -> list[str]:
    """By context, as the cluster there has the stack."""
    return [f"kubectl --context {where} {line}" for where, stack in contexts.items() for line in commands(stack, where)]


def _step(text: str, lines: Iterable[str]) -> str:
    return f"{text}\n\n{_block(lines)}"


def _block(lines: Iterable[str]) -> str:
    return "\n".join(["```", *lines, "```"])
