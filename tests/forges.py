"""A small forge on loopback: Git by `git http-backend` behind a login, and as much of an API as gpuyard asks for.

The APIs of all three are fakes: they check method, path, headers and body of each call and keep what they are told.
"""

import json
import os
import re
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["PROJECT", "TOKENS", "Answer", "FakeForge", "authority", "serving"]

PROJECT = "acme/gitops"
TOKENS = {"github": "ghp-test-1234", "gitlab": "glt-test-1234", "gitea": "gta-test-1234"}
_LOGINS = {"github": ("x-access-token",), "gitlab": ("oauth2", "gitlab-ci-token"), "gitea": ("oauth2",)}
_HEADERS = {"github": "Bearer {}", "gitea": "token {}"}
_ROOTS = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}
_TREE = {
    "github": f"/repos/{PROJECT}/pulls",
    "gitea": f"/repos/{PROJECT}/pulls",
    "gitlab": "/projects/acme%2Fgitops/merge_requests",
}

Answer = tuple[int, Any, dict[str, str]]


@dataclass
class FakeForge:
    """What it holds and how it behaves; `calls` are (method, path), `wrong` what no client should send."""

    kind: str
    repositories: Path
    host: str = ""
    me: str = "bot"
    requests: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    faults: list[Answer | None] = field(default_factory=list)
    """Answers to the next calls, instead of the right ones; None: the right one."""
    left: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What the pipeline of a request has left (GitLab): see `leave`."""
    most: int = 50
    """Entries that Gitea gives at once, whatever it is asked for (MAX_RESPONSE_ITEMS)."""
    empty: int = 0
    """Questions until Gitea has taken in what was pushed first; before, it says that it has no requests."""
    lost: int = 0
    """Calls that change something and whose answer is lost."""
    late: int = 0
    """Looks after such a call that do not see yet what it made."""
    hidden: int = 0
    at_request: Callable[[int], bool] | None = None
    """Is told the number of each request, Git's too, before it is done; False: drop it."""
    served: int = 0
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"https://{self.host}/{PROJECT}.git"

    def leave(self, number: int, job: str, file: str, data: bytes, **more: Any) -> None:
        """A pipeline of a request has ended, with a file of one of its jobs; `more` says what else is so."""
        usual = {"status": "success", "changed": ["blueprints/chat.yaml"], "sha": None, "project": 1}
        self.left[number] = {**usual, "job": job, "file": file, "data": data, **more}

    def merge(self, number: int) -> str:
        """What somebody does with a button: a merge commit on the base of a request, which is then closed."""
        each = self.requests[number - 1]
        base, head = self.head(each["base"]), self.head(each["branch"])
        who = ("-c", "user.name=Forge", "-c", "user.email=forge@example.com")

        def git(*arguments: str) -> str:
            bare = self.repositories / f"{PROJECT}.git"
            return subprocess.run(
                ["git", *arguments], cwd=bare, capture_output=True, text=True, check=True
            ).stdout.strip()

        merged = git("merge-tree", "--write-tree", base, head).splitlines()[0]
        message = f"Merge request {number}: {each['title']}"
        commit = git(*who, "commit-tree", merged, "-p", base, "-p", head, "-m", message)
        git("update-ref", f"refs/heads/{each['base']}", commit, base)
        each["open"] = False
        return commit

    def head(self, branch: str) -> str:
        bare = self.repositories / f"{PROJECT}.git"
        found = subprocess.run(
            ["git", "rev-parse", f"refs/heads/{branch}"], cwd=bare, capture_output=True, text=True, check=False
        )
        return found.stdout.strip()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """What it says to a call."""
        url = urlsplit(target)
        self.calls.append((method, url.path))
        if self.faults and (fault := self.faults.pop(0)) is not None:
            return fault
        if not self._known(headers):
            return 401, {"message": "Bad credentials"}, {}
        if body and headers.get("content-type") != "application/json":
            self.wrong.append(f"{method} {target}: {headers}")
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if self.hidden and method == "GET":
            self.hidden -= 1
            return 200, [], {}
        found = self._route(method, url.path, query, json.loads(body) if body else None)
        if found is None:
            self.wrong.append(f"{method} {target}")
            return 404, {"message": "Not Found"}, {}
        if self.lost and method == "POST" and found[0] == 201:
            self.lost -= 1
            self.hidden = self.late
            return 502, "", {}
        return found

    def _known(self, headers: dict[str, str]) -> bool:
        if self.kind == "gitlab":
            return headers.get("private-token") == TOKENS["gitlab"]
        if self.kind == "github" and headers.get("x-github-api-version") != "2022-11-28":
            self.wrong.append(f"no version: {headers}")
        return headers.get("authorization") == _HEADERS[self.kind].format(TOKENS[self.kind])

    def _route(  # noqa: C901 - a table of the paths of three APIs
        self, method: str, path: str, query: dict[str, str], data: Any
    ) -> Answer | None:
        if self.kind == "github" and (method, path) == ("POST", "/api/graphql"):
            return 200, {"data": {"viewer": {"login": self.me}}}, {}
        root = _ROOTS[self.kind]
        if not path.startswith(root):
            return None
        path = path.removeprefix(root)
        if (method, path) == ("GET", "/user") and self.kind != "github":
            return 200, {"login": self.me, "username": self.me}, {}
        if self.kind == "gitea" and (method, path) == ("GET", f"/repos/{PROJECT}"):
            self.empty = max(0, self.empty - 1)
            return 200, {"full_name": PROJECT, "empty": self.empty > 0}, {}
        if path == _TREE[self.kind] and self.empty:
            return 404, {"message": "The target couldn't be found."}, {}
        if path == _TREE[self.kind]:
            return self._create(data) if method == "POST" else self._list(query)
        if match := re.fullmatch(rf"{re.escape(_TREE[self.kind])}/(\d+)", path):
            return self._one(method, int(match[1]), data)
        if self.kind == "gitlab":
            if (left := self._of_pipeline(path, query)) is not None:
                return left
            match = re.fullmatch(rf"{_TREE['gitlab']}/(\d+)/notes(?:/(\d+))?", path)
            return self._comments(method, match[1], match[2], query, data) if match else None
        issues = f"/repos/{PROJECT}/issues"
        if match := re.fullmatch(rf"{issues}/(\d+)/comments", path):
            return self._comments(method, match[1], None, query, data)
        if match := re.fullmatch(rf"{issues}/comments/(\d+)", path):
            return self._comments(method, None, match[1], query, data)
        if match := re.fullmatch(rf"{issues}/(\d+)/labels(?:/(.+))?", path):
            return self._label(method, int(match[1]), match[2], data)
        if path == f"/repos/{PROJECT}/labels" and self.kind == "gitea":
            if method == "GET":
                labels = [{"id": 10 + number, "name": name} for number, name in enumerate(self.labels)]
                return 200, self._page(labels, query), {}
            self.labels.append(data["name"])
            assert re.fullmatch("#[0-9a-f]{6}", data["color"])
            return 201, {"id": 9 + len(self.labels), "name": data["name"]}, {}
        return None

    def _of_pipeline(self, path: str, query: dict[str, str]) -> Answer | None:
        if match := re.fullmatch(rf"{_TREE['gitlab']}/(\d+)/diffs", path):
            listed = [{"old_path": name, "new_path": name} for name in self.left[int(match[1])]["changed"]]
            size, page = int(query["per_page"]), int(query["page"])
            return 200, listed[(page - 1) * size : page * size], {}
        if match := re.fullmatch(r"/projects/(\d+)/pipelines/(\d+)/jobs", path):
            left = self.left[int(match[2]) - 500]
            assert int(match[1]) == left["project"]
            return 200, [{"id": 600, "name": "build"}, {"id": int(match[2]) + 200, "name": left["job"]}], {}
        if match := re.fullmatch(r"/projects/(\d+)/jobs/(\d+)/artifacts/(.+)", path):
            left = self.left[int(match[2]) - 700]
            there = (int(match[1]), unquote(match[3])) == (left["project"], left["file"]) and left["data"] is not None
            return (200, left["data"], {}) if there else (404, {"message": "404 Not Found"}, {})
        return None

    def _list(self, query: dict[str, str]) -> Answer:
        names = {"github": ("head", "base"), "gitlab": ("source_branch", "target_branch")}.get(self.kind)
        found = [each for each in self.requests if each["open"]]
        if names and query.get("scope") != "all":
            head, base = (query[name] for name in names)
            head = head.removeprefix("acme:")
            found = [each for each in found if (each["branch"], each["base"]) == (head, base)]
        assert query["state"] == ("opened" if self.kind == "gitlab" else "open")
        return 200, [self._shown(each) for each in self._page(found, query)], {}

    def _page(self, found: list[Any], query: dict[str, str]) -> list[Any]:
        size = min(int(query["limit"]), self.most) if self.kind == "gitea" else int(query["per_page"])
        start = (int(query["page"]) - 1) * size
        return found[start : start + size]

    def _create(self, data: dict[str, Any]) -> Answer:
        gitlab = self.kind == "gitlab"
        head, base, text = ("source_branch", "target_branch", "description") if gitlab else ("head", "base", "body")
        wanted = {head, base, "title", text} | ({"remove_source_branch"} if gitlab else set())
        if data.keys() != wanted:
            self.wrong.append(f"create: {data}")
        with self.lock:
            if any(
                (each["branch"], each["base"], each["open"]) == (data[head], data[base], True) for each in self.requests
            ):
                if self.kind == "github":
                    text = "A pull request already exists for acme:x."
                    return 422, {"message": "Validation Failed", "errors": [{"message": text}]}, {}
                return 409, {"message": ["already exists"]}, {}
            number = 1 + len(self.requests)
            new = {"number": number, "branch": data[head], "base": data[base], "title": data["title"], "open": True}
            made = {**new, "labels": []}
            self.requests.append(made)
        return 201, self._shown(made), {}

    def _shown(self, each: dict[str, Any]) -> dict[str, Any]:
        url, sha = f"https://{self.host}/{PROJECT}/{each['number']}", self.head(each["branch"])
        if self.kind == "gitlab":
            left = self.left.get(each["number"])
            pipeline = (
                {
                    "id": 500 + each["number"],
                    "project_id": left["project"],
                    "sha": left["sha"] or sha,
                    "status": left["status"],
                }
                if left
                else None
            )
            return {
                "head_pipeline": pipeline,
                "changes_count": str(left.get("count", len(left["changed"]))) if left else None,
                "iid": each["number"],
                "web_url": url,
                "sha": sha,
                "state": "opened" if each["open"] else "merged",
                "source_project_id": 1,
                "target_project_id": 1,
                "source_branch": each["branch"],
                "target_branch": each["base"],
                "labels": each["labels"],
            }
        return {
            "number": each["number"],
            "html_url": url,
            "state": "open" if each["open"] else "closed",
            "head": {"ref": each["branch"], "sha": sha, "repo": {"full_name": PROJECT}},
            "base": {"ref": each["base"]},
            "labels": [{"name": name} for name in each["labels"]],
        }

    def _one(self, method: str, number: int, data: Any) -> Answer:
        if number > len(self.requests):
            return 404, {"message": "404 Not found"}, {}
        each = self.requests[number - 1]
        if method == "PUT" and self.kind == "gitlab":
            each["labels"] = [name for name in each["labels"] if name not in data.get("remove_labels", "").split(",")]
            new = [name for name in data.get("add_labels", "").split(",") if name]
            each["labels"] += [name for name in new if name not in each["labels"]]
        elif method != "GET":
            self.wrong.append(f"{method} request")
        return 200, self._shown(each), {}

    def _label(self, method: str, number: int, name: str | None, data: Any) -> Answer:
        labels = self.requests[number - 1]["labels"]
        if method == "POST":
            names = [self.labels[each - 10] if self.kind == "gitea" else each for each in data["labels"]]
            labels += [name for name in names if name not in labels]
            return 200, [], {}
        assert method == "DELETE"
        assert name
        gone = self.labels[int(name) - 10] if self.kind == "gitea" else unquote(name)
        if gone not in labels:
            return (204, None, {}) if self.kind == "gitea" else (404, {"message": "Label does not exist"}, {})
        labels.remove(gone)
        return 204, None, {}

    def _comments(
        self, method: str, number: str | None, comment: str | None, query: dict[str, str], data: Any
    ) -> Answer:
        author = "author" if self.kind == "gitlab" else "user"
        name = "username" if self.kind == "gitlab" else "login"
        if comment is not None:
            with self.lock:
                each = next((each for each in self.comments if each["id"] == int(comment)), {})
                if each and method == "DELETE":
                    self.comments.remove(each)
            if not each:
                return 404, {"message": "Not Found"}, {}
            if method == "DELETE":
                return 204, None, {}
            assert method == ("PUT" if self.kind == "gitlab" else "PATCH")
            each["body"] = data["body"]
            return 200, each, {}
        if method == "GET":
            of = [each for each in self.comments if each["request"] == int(number or 0)]
            size, page = int(query.get("per_page", 10_000)), int(query.get("page", 1))
            return 200, of[(page - 1) * size : page * size], {}
        assert data.keys() == {"body"}
        if len(data["body"]) > 65_536:
            return 422, {"message": "Body is too long (maximum is 65536 characters)"}, {}
        with self.lock:
            new = {"id": max([99, *(each["id"] for each in self.comments)]) + 1, "request": int(number or 0)}
            new |= {"body": data["body"], author: {name: self.me}}
            self.comments.append(new)
        return 201, new, {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    forge: FakeForge


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def _serve(self) -> None:
        forge = self.server.forge
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with forge.lock:
            forge.served += 1
            forge.busy += 1
            number = forge.served
        try:
            if forge.at_request is None or forge.at_request(number):
                with suppress(ssl.SSLError, ConnectionError):  # who asked was killed
                    self._answer(forge, body)
        finally:
            with forge.lock:
                forge.busy -= 1

    def _answer(self, forge: FakeForge, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path.startswith("/api/"):
            status, data, more = forge.answer(self.command, self.path, headers, body)
            plain = data if isinstance(data, bytes) else json.dumps(data).encode()
            self._send(status, more, b"" if data in (None, "") else plain)
            return
        logins = [f"{name}:{TOKENS[forge.kind]}".encode() for name in _LOGINS[forge.kind]]
        if headers.get("authorization") not in [f"Basic {b64encode(each).decode()}" for each in logins]:
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        self._send(*self._backend(headers, body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _backend(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(self.path)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_PROJECT_ROOT": str(self.server.forge.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            "PATH_INFO": unquote(url.path),
            "QUERY_STRING": url.query,
            "REQUEST_METHOD": self.command,
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "bot",
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
            "GIT_PROTOCOL": headers.get("git-protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=env, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        found = dict(line.partition(": ")[::2] for line in head.decode().splitlines())
        return int(found.pop("Status", "200").split()[0]), found, content

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def authority(folder: Path) -> Path:
    """A certificate of this machine, and beside it its key."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "tls.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "tls.key",
         "-out", file],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return file


@contextmanager
def serving(kind: str, repositories: Path, certificate: Path) -> Iterator[FakeForge]:
    """A forge of that kind, over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    server = _Server(("127.0.0.1", 0), _Handler)
    server.forge = FakeForge(kind, repositories, f"127.0.0.1:{server.server_address[1]}")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.forge
    finally:
        server.shutdown()
        server.server_close()
