"""Releases as the workflow and the pipeline make them that `gpuyard init` writes: their own steps, in their order.

Stand-ins are only what a runner has of its own: actions, `pip`, and what is downloaded. gpuyard, Git and bash are real.
"""

from pathlib import Path

from tests.gitlabjobs import Done, check_out, jobs, pipeline, run_script
from tests.gittools import clone, git
from tests.workflows import Job, Ran, console, program, run_job

__all__ = ["GITHUB", "by_github", "by_gitlab"]

GITHUB = ".github/workflows/gpuyard-release.yaml"


def by_github(origin: Path, version: str, to: str, cosign: str, folder: Path) -> Ran:
    """The workflow of a tag, as it is in the commit; `to` is HOST/PATH in the registry that stands in for ghcr.io."""
    host, _, name = to.partition("/")

    def checkout(job: Job, given: object) -> None:
        clone(origin, job.workspace)

    def nothing(job: Job, given: object) -> None:
        """What is installed is here."""

    job = Job(
        folder,
        values={"github.token": "t0ken", "inputs.version || github.ref_name": f"v{version}"},
        uses={
            "actions/checkout": checkout,
            "actions/setup-python": nothing,
            "sigstore/cosign-installer": nothing,
        },
        environment={"GITHUB_ACTOR": "ada", "GITHUB_REPOSITORY": name},
    )
    console(job)
    program(job, "pip", "#!/bin/sh\n")
    program(job, "docker", "#!/bin/sh\ncat > /dev/null\n")
    program(job, "cosign", cosign)
    text = (origin / GITHUB).read_text(encoding="utf-8")
    assert "ghcr.io" in text
    return run_job(text.replace("ghcr.io", host), job)


def by_gitlab(origin: Path, version: str, to: str, cosign: str, key: Path, folder: Path) -> Done:
    """The job of a tag, as it is in the commit, with a key; what it downloads is the cosign that is given."""
    git(origin, "tag", f"v{version}")
    job = Job(folder)
    tag = f"+refs/tags/v{version}:refs/tags/v{version}"
    check_out(job, origin, git(origin, "rev-parse", "HEAD"), tag)
    console(job)
    program(job, "pip", "#!/bin/sh\n")
    program(job, "downloaded", cosign)
    program(job, "curl", f'#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\ncp {job.programs}/downloaded "$2"\n')
    program(job, "sha256sum", "#!/bin/sh\ncat > /dev/null\n")
    variables = {
        "CI_COMMIT_TAG": f"v{version}",
        "CI_COMMIT_REF_PROTECTED": "true",
        "CI_REGISTRY": to.partition("/")[0],
        "CI_REGISTRY_IMAGE": to,
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "CI_REGISTRY_PASSWORD": "unused",
        "COSIGN_KEY": str(key),
        "COSIGN_PASSWORD": "",
    }
    files = {
        str(file.relative_to(origin)): file.read_text(encoding="utf-8") for file in origin.glob(".gitlab/ci/*.yml")
    }
    files[".gitlab-ci.yml"] = (origin / ".gitlab-ci.yml").read_text(encoding="utf-8")
    (name,) = pipeline(files, variables)
    return run_script(jobs(files)[name], job, variables)
