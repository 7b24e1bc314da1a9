"""Who has signed a release: what cosign is told, what the stack says of it, and what `gpuyard verify` refuses.

The cosign here is a stand-in: it writes down its arguments and what it sees of the environment, and says yes or no. The
real one is in tests/e2e/test_release.py.
"""

import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from gpuyard import pipeline
from gpuyard.doors.cosign import identity_pattern
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.release.artifact import FLUX
from gpuyard.release.tarball import packed, unpacked
from tests.gittools import git
from tests.ocistore import OciStore, digest, oci_store
from tests.projects import merged, sources
from tests.releasing import by_github, by_gitlab
from tests.test_blueprint_fields import PUBLIC, WORKFLOW
from tests.test_release import change, done, files, layer, repository, run, store

__all__ = ["store"]  # the fixture

IDENTITY = WORKFLOW["identity"].replace("*", "1.0.0")
COSIGN = """#!/bin/sh
echo "$@" >> {folder}/said
env | grep -E '^(SIGSTORE|ACTIONS_ID|COSIGN)' >> {folder}/environment
for each in "$@"; do [ "$before" != --key ] || [ ! -f "$each" ] || cat "$each" >> {folder}/keys; before=$each; done
case $1 in
  verify) [ -e {folder}/signed ] || {{ echo "Error: no matching signatures" >&2; exit 10; }} ;;
esac
"""


@pytest.fixture
def cosign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in; it finds signatures where the file `signed` is."""
    folder = tmp_path / "cosign"
    folder.mkdir()
    (folder / "cosign").write_text(COSIGN.format(folder=folder))
    (folder / "cosign").chmod(0o755)
    (folder / "signed").touch()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def told(cosign: Path) -> list[list[str]]:
    found = cosign / "said"
    return [line.split() for line in found.read_text().splitlines()] if found.exists() else []


def signed_by(store: OciStore, folder: Path, verify: dict[str, str] | None) -> Path:
    """A stack whose registry is the store, which says who signs."""
    url = f"oci://{store.host}/acme/gitops"
    oci = {"url": url, "tag": "latest", "insecure": True, **({"verify": verify} if verify else {})}
    return repository(folder, files(store, repository={"oci": oci, "charts": False}))


# --- what cosign is told -------------------------------------------------------------------------------------


def test_keyless_signing(store: OciStore, cosign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, and nothing that keeps a signature out of the transparency log; the token is in the environment alone."""
    project = signed_by(store, tmp_path / "gitops", WORKFLOW)
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", "id-token-1234")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-1234")
    said = done("release", "1.0.0", project, "--keyless")
    names = [f"{store.host}/acme/gitops@{each}" for (name, each) in store.manifests if name == "acme/gitops"]
    assert sorted(told(cosign)) == sorted(["sign", "--yes", "--allow-http-registry", name] for name in names)
    assert len(names) == 3  # the tree, the bill and the statement
    seen = (cosign / "environment").read_text()
    assert "SIGSTORE_ID_TOKEN=id-token-1234" in seen
    assert "ACTIONS_ID_TOKEN_REQUEST_TOKEN=request-1234" in seen
    assert "1234" not in said + (cosign / "said").read_text()


def test_no_tag_is_set_where_signing_fails(store: OciStore, cosign: Path, tmp_path: Path) -> None:
    project = signed_by(store, tmp_path / "gitops", WORKFLOW)
    (cosign / "cosign").write_text("#!/bin/sh\necho 'Error: getting key from Fulcio: 400' >&2\nexit 1\n")
    found = run("release", "1.0.0", project, "--keyless")
    assert found.exit_code == 69
    assert "cosign ended with 1: Error: getting key from Fulcio: 400" in found.output
    assert store.tags.keys() & {("acme/gitops", "1.0.0"), ("acme/gitops", "latest")} == set()


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        (IDENTITY, True),
        (WORKFLOW["identity"], True),
        (f"{IDENTITY}/x", False),
        (f"x{IDENTITY}", False),
        (f"{IDENTITY}\n", False),
        (IDENTITY.replace("github.com", "githubxcom"), False),
        (IDENTITY.replace("acme", "eve"), False),
        (IDENTITY.replace("refs/tags", "refs/heads"), False),
    ],
)
def test_an_identity_is_compared_as_a_whole(name: str, matches: bool) -> None:
    pattern = identity_pattern(WORKFLOW["identity"])
    # Python's $ also stands before a last line feed, Go's does not.
    assert bool(re.fullmatch(pattern.removeprefix("^").removesuffix("$"), name)) == matches
    assert (pattern[0], pattern[-1]) == ("^", "$")


# --- the workflow and the pipeline that init writes ----------------------------------------------------------------


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_what_init_writes_makes_a_release_that_verify_takes(
    ci: str, store: OciStore, cosign: Path, tmp_path: Path
) -> None:
    """Its own steps, from a clone by the tag to the registry; the same again changes nothing there."""
    project = signed_by(store, tmp_path / "gitops", {"key": PUBLIC} if ci == "gitlab" else WORKFLOW)
    done("init", "--ci", ci, "--with", "release", project)
    (tmp_path / "cosign.key").write_text("private")
    public = '[ "$1" != public-key ] || echo public > "$5"\n'
    where, program = f"{store.host}/acme/gitops", COSIGN.format(folder=cosign) + public
    before = store.files()
    (cosign / "signed").unlink()  # nobody has, yet
    for version in ("1.0.0", "1.0.1"):  # the second has nothing new in it
        folder = tmp_path / f"runner-{version}"
        if ci == "github":
            ran = by_github(project, version, where, program, folder)
            assert not ran.failed, ran.log
            assert "t0ken" not in ran.log
        else:
            made = by_gitlab(project, version, where, program, tmp_path / "cosign.key", folder)
            assert made.code == 0, made.log
        assert ("acme/gitops", "1.0.1") not in store.tags
    assert {*store.files()} - {*before} >= {"acme/gitops:1.0.0", "acme/gitops:latest"}
    signed = {words[-1].partition("@")[2] for words in told(cosign) if words[0] == "sign"}
    assert signed == {each for name, each in store.manifests if name == "acme/gitops"}
    assert all(("--key" in words) == (ci == "gitlab") for words in told(cosign) if words[0] == "sign")
    (cosign / "signed").touch()
    assert "signed, and what follows from the sources" in done("verify", project, "--release", "1.0.0")


# --- what the stack says -------------------------------------------------------------------------------------


def problems(verify: dict[str, str], **more: object) -> list[str]:
    spec = {"repository": {"oci": {"url": "oci://registry.example.com/acme/gitops", "verify": verify}}}
    try:
        pipeline.compile(parse(sources({}, merged(spec, more))))
    except InputError as error:
        return [each.message for each in error.problems]
    return []


ISSUER, NAME = {"issuer": WORKFLOW["issuer"]}, {"identity": WORKFLOW["identity"]}


@pytest.mark.parametrize(
    ("verify", "more", "said"),
    [
        ({}, {}, "is incomplete; add key, or issuer and identity"),
        (ISSUER, {}, "is incomplete; add identity"),
        (NAME, {}, "is incomplete; add issuer"),
        ({"key": PUBLIC, **WORKFLOW}, {}, "has a key and an identity"),
        ({"key": PUBLIC, **ISSUER}, {}, "has a key and an identity"),
        ({"key": "cosign.pub"}, {}, "must be a public key as cosign.pub has it"),
        ({"key": PUBLIC.replace("PUBLIC", "PRIVATE")}, {}, "must be a public key as cosign.pub has it"),
        ({**WORKFLOW, "issuer": "http://evil.example"}, {}, "must be an address such as"),
        ({**WORKFLOW, "identity": "a b"}, {}, "must be a name without blanks"),
        (WORKFLOW, {"flux": {"verifySecret": "signers"}}, "Flux checks keys or an identity, not both"),
    ],
)
def test_what_a_stack_says_wrong(verify: dict[str, str], more: dict[str, Any], said: str) -> None:
    found = problems(verify, **more)
    assert found, verify
    assert said in found[0]


@pytest.mark.parametrize("verify", [WORKFLOW, {"key": PUBLIC}, {"key": PUBLIC.rstrip("\n")}])
def test_what_a_stack_says_right(verify: dict[str, str]) -> None:
    assert problems(verify) == []
    assert problems({"key": PUBLIC}, flux={"verifySecret": "signers"}) == []


def test_flux_takes_only_what_the_workflow_signed(store: OciStore, tmp_path: Path) -> None:
    project = signed_by(store, tmp_path / "gitops", WORKFLOW)
    objects = yaml.safe_load_all((project / "clusters/phx/sync.yaml").read_text())
    (source,) = (each for each in objects if each["kind"] == "OCIRepository")
    match = {"issuer": identity_pattern(WORKFLOW["issuer"]), "subject": identity_pattern(WORKFLOW["identity"])}
    assert source["spec"]["verify"] == {"provider": "cosign", "matchOIDCIdentity": [match]}
    assert "`gpuyard release VERSION --keyless`" in (project / "README.md").read_text()


@pytest.mark.attack("A1 template injection")
def test_hostile_text_says_who_signs_and_nothing_else() -> None:
    odd = "https://x/!\"#$%&'()+,-./:;<=>?@[\\]^_`{|}~${HOME}{{.Values}}::error::"
    signer = {"issuer": f"{odd}*", "identity": odd}
    spec = {"repository": {"oci": {"url": "oci://registry.example.com/acme/gitops", "verify": signer}}}
    tree = pipeline.compile(parse(sources({}, spec))).tree
    (source,) = (
        each
        for path, text in tree.items()
        if path.name == "sync.yaml"
        for each in yaml.safe_load_all(text)
        if each["kind"] == "OCIRepository"
    )
    (match,) = source["spec"]["verify"]["matchOIDCIdentity"]
    for text, pattern in ((f"{odd}*", match["issuer"]), (odd, match["subject"])):
        assert re.fullmatch(pattern, text)
        assert not any(re.fullmatch(pattern, other) for other in ("", "https://x/", f"{text}a", f"a{text}"))


# --- verify --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["1.0.0", "oci://{host}/acme/gitops:1.0.0", "@{digest}"])
def test_the_stack_says_where_a_release_is_and_who_signs_it(
    reference: str, store: OciStore, cosign: Path, tmp_path: Path
) -> None:
    project = signed_by(store, tmp_path / "gitops", WORKFLOW)
    done("release", "1.0.0", project)
    name = store.tags["acme/gitops", "1.0.0"]
    said = done("verify", project, "--release", reference.format(host=store.host, digest=name))
    assert said.startswith(f"{store.host}/acme/gitops@{name}: signed, and what follows from the sources")
    (asked,) = told(cosign)
    assert asked == [
        *("verify", "--output", "json", "--certificate-identity-regexp", identity_pattern(WORKFLOW["identity"])),
        *("--certificate-oidc-issuer", WORKFLOW["issuer"], "--allow-http-registry"),
        f"{store.host}/acme/gitops@{name}",
    ]


def test_the_key_of_the_stack_is_the_one_that_cosign_gets(store: OciStore, cosign: Path, tmp_path: Path) -> None:
    project = signed_by(store, tmp_path / "gitops", {"key": PUBLIC})
    done("release", "1.0.0", project)
    done("verify", project, "--release", "1.0.0")
    assert (cosign / "keys").read_text() == PUBLIC


REFUSED = [
    pytest.param("unsigned", 69, "no matching signatures", id="unsigned, or signed by somebody else"),
    pytest.param("tampered", 69, "the registry sends other bytes", id="tampered"),
    pytest.param("replaced", 76, "clusters/phx/evil.yaml: has no source", id="another artifact under the tag"),
    pytest.param("edited", 76, "was edited by hand", id="edited by hand"),
    pytest.param("ahead", 76, "is not what follows from these sources", id="of another commit"),
    pytest.param("gone", 66, "there is no such release", id="not there"),
    pytest.param("refusing", 69, "the registry answers 500", id="a registry that refuses"),
    pytest.param("no cosign", 69, "there is no cosign on PATH", id="no cosign"),
]


@pytest.mark.attack("A10 swapped dependencies")
@pytest.mark.parametrize(("spoil", "code", "said"), REFUSED)
def test_what_verify_refuses(
    spoil: str, code: int, said: str, store: OciStore, cosign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = signed_by(store, tmp_path / "gitops", WORKFLOW)
    done("release", "1.0.0", project)
    inside = unpacked(layer(store, "acme/gitops:1.0.0"), "it")
    more = packed({**inside, PurePosixPath("clusters/phx/evil.yaml"): b"kind: ClusterRoleBinding\n"})
    if spoil == "unsigned":
        (cosign / "signed").unlink()
    elif spoil == "tampered":
        store.blobs[digest(layer(store, "acme/gitops:1.0.0"))] = more
    elif spoil == "replaced":
        store.blobs[digest(more)] = more
        altered = {"layers": [{"mediaType": FLUX.layer, "digest": digest(more), "size": len(more)}]}
        store._manifest("acme/gitops", "1.0.0", json.dumps(altered).encode())
    elif spoil == "edited":
        with (project / "clusters/phx/sync.yaml").open("a") as file:
            file.write("# mine\n")
        git(project, "commit", "-qam", "mine")
    elif spoil == "ahead":
        oci = {"url": f"oci://{store.host}/acme/gitops", "insecure": True, "verify": WORKFLOW}
        change(project, files(store, repository={"oci": oci, "charts": False}, namespace="elsewhere",
                              moved={"namespace": "inference"}))  # fmt: skip
    elif spoil == "gone":
        del store.tags["acme/gitops", "1.0.0"]
    elif spoil == "refusing":
        store.status = 500
    else:
        programs = tmp_path / "git"
        programs.mkdir()
        for name in ("git", "helm"):
            found = next(Path(each, name) for each in os.environ["PATH"].split(os.pathsep) if Path(each, name).exists())
            (programs / name).symlink_to(found)
        monkeypatch.setenv("PATH", str(programs))
    found = run("verify", project, "--release", "1.0.0", "-o", "json")
    assert (found.exit_code, said in found.stderr) == (code, True), found.output
    data = json.loads(found.stdout)
    assert (data["ok"], data["digest"], said in data["error"]) == (False, None, True)


@pytest.mark.parametrize(
    ("verify", "words", "said"),
    [
        (WORKFLOW, ["--release", "1.0.0", "--key", "x.pub"], "stack.yaml says who signs (repository.oci.verify)"),
        (WORKFLOW, ["--release", "1.0.0", "--identity", "a", "--issuer", "b"], "stack.yaml says who signs"),
        (None, ["--release", "1.0.0"], "whose signature? give --key FILE"),
        (WORKFLOW, ["--key", "x.pub"], "give --release, too"),
        (WORKFLOW, ["--release", "oci://ghcr.io/acme"], "names no version; write oci://HOST/PATH:VERSION"),
        (WORKFLOW, ["--release", ""], "names no version"),
        (WORKFLOW, ["--release", "oci://ghcr.io/acme@sha256:12"], "names no version"),
    ],
)
def test_what_verify_is_asked_wrong(
    verify: dict[str, str] | None, words: list[str], said: str, store: OciStore, tmp_path: Path
) -> None:
    project = signed_by(store, tmp_path / "gitops", verify)
    found = run("verify", project, *words)
    assert (found.exit_code, said in found.output) == (2, True), found.output


def test_a_version_needs_a_registry(tmp_path: Path) -> None:
    project = repository(tmp_path / "gitops", sources({}, {}))
    found = run("verify", project, "--release", "1.0.0", "--key", "x")
    assert found.exit_code == 2
    assert "1.0.0 is a version of no registry: stack.yaml has no repository.oci" in found.output


def test_no_registry_is_told_before_anything_is_fetched(store: OciStore, tmp_path: Path) -> None:
    """The charts of the platform are elsewhere: on the network, which may not be there."""
    project = repository(tmp_path / "gitops", files(store))
    stack = yaml.safe_load((project / "stack.yaml").read_text())
    del stack["spec"]["repository"]["oci"]
    change(project, {"stack.yaml": yaml.safe_dump(stack).encode()})
    before = len(store.seen)
    found = run("release", "1.0.0", project)
    assert (found.exit_code, "there is no registry; give --to oci://HOST/PATH" in found.output) == (2, True)
    assert len(store.seen) == before


# --- for machines --------------------------------------------------------------------------------------------


def test_data_of_release_and_verify(store: OciStore, cosign: Path, tmp_path: Path) -> None:
    project = signed_by(store, tmp_path / "gitops", WORKFLOW)

    def data(*words: str) -> dict[str, Any]:
        return dict(json.loads(done(*words, "-o", "json")))

    commit = git(project, "rev-parse", "HEAD").strip()
    assert data("verify", str(project)) == {
        "ok": True,
        "error": None,
        "problems": [],
        "commit": commit,
        "release": None,
        "digest": None,
    }
    tried = data("release", "1.0.0", str(project), "--dry-run")
    assert (tried["pushed"], tried["notes"]) == (False, ["nothing is pushed (--dry-run)"])
    made = data("release", "1.0.0", str(project), "--keyless")
    main = store.tags["acme/gitops", "1.0.0"]
    assert made["artifacts"][-1] == {"name": f"{store.host}/acme/gitops:1.0.0", "digest": main}
    assert {each["name"] for each in tried["artifacts"]} < {each["name"] for each in made["artifacts"]}
    wanted = {"version": "1.0.0", "pushed": True, "signed": True, "unchanged": None, "notes": [], "ok": True}
    assert wanted.items() <= made.items()
    again = data("release", "1.1.0", str(project))
    assert (again["unchanged"], again["pushed"]) == (f"{store.host}/acme/gitops:1.0.0", False)
    held = data("verify", str(project), "--release", "1.0.0")
    assert (held["release"], held["digest"]) == (f"{store.host}/acme/gitops:1.0.0", main)


def test_an_error_of_release_has_the_same_keys(store: OciStore, tmp_path: Path) -> None:
    project = signed_by(store, tmp_path / "gitops", None)
    keys = json.loads(done("release", "1.0.0", project, "--dry-run", "-o", "json")).keys()
    with oci_store() as gone:
        pass
    for words in (["--to", f"oci://{gone.host}/acme"], ["--sign-key", tmp_path / "no.key"]):
        found = run("release", "1.0.0", project, "-o", "json", *words)
        data = json.loads(found.stdout)
        assert found.exit_code in {66, 69}
        assert (data["ok"], data.keys()) == (False, keys)
