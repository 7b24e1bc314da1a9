"""One try to copy weights into the cache; it ends with one line that says why, and the kubelet starts it again."""

import errno
import fnmatch
import glob
import json
import os
import re
import signal
import ssl
import sys

ORDER = {  # what vLLM reads of each format, the best first
    "auto": "safetensors consolidated pt gguf",
    "hf": "safetensors pt consolidated",
    "safetensors": "safetensors consolidated",
    "mistral": "consolidated",
    "pt": "pt",
    "gguf": "gguf",
}
KINDS = {".safetensors": "safetensors", ".bin": "pt", ".pt": "pt", ".gguf": "gguf"}
FOREIGN = (".pth", ".h5", ".msgpack", ".ot", ".onnx", ".onnx_data", ".tflite", ".ckpt", ".nemo", ".npz")
OF_TRAINING = ("training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt")  # vLLM's own list
LAYERS = ("colbert_linear.pt", "mask_embedding.pt", "sparse_linear.pt")  # beside weights of any format
FOLDERS = ("original/", "metal/", "onnx/", "openvino/", "coreml/")
OF_STEP = re.compile(r"(checkpoint-|global_step)\d+/")
CONSOLIDATED = "consolidated*.safetensors"


def kind(file):
    if "/" not in file and fnmatch.fnmatchcase(file, CONSOLIDATED):
        return "consolidated"
    return None if os.path.basename(file) in LAYERS else KINDS.get(os.path.splitext(file)[1])


def foreign(file):
    """What vLLM never reads; a consolidated file in a folder would make it look for one that is not in a folder."""
    folder, name = os.path.split(file)
    if file.startswith(FOLDERS) or OF_STEP.match(file) or file.endswith(FOREIGN + OF_TRAINING):
        return True
    return bool(folder) and fnmatch.fnmatchcase(name, CONSOLIDATED)


def choose(files, wanted, ignore):
    """The files to copy, and whether weights are among them."""
    files = [file for file in files if not any(fnmatch.fnmatchcase(file, each) for each in ignore)]
    if wanted == "all":
        return files, bool(files)
    files = [file for file in files if not foreign(file)]
    order = ORDER[wanted].split()
    if wanted == "auto" and "params.json" in files:  # as vLLM reads Mistral's own repositories
        order.insert(0, "consolidated")
    first = next((each for each in order if each in map(kind, files)), None)
    best = {}  # by folder: a layer may have its weights in another format than the model
    for each in ("pt", "safetensors", first):
        best.update((os.path.dirname(file), each) for file in files if kind(file) == each)
    return [file for file in files if kind(file) in (None, best.get(os.path.dirname(file)))], first is not None


def merged(files):
    """Weights in one file that are there in shards, too; their index decides which of them vLLM reads."""
    for file in files:
        stem, suffix = os.path.splitext(file)
        shard = re.compile(re.escape(stem) + r"-\d+-of-\d+\.safetensors")
        if suffix == ".safetensors" and f"{file}.index.json" in files and any(map(shard.fullmatch, files)):
            yield file


def listed(index, file):
    try:
        with open(index, encoding="utf-8") as text:
            return os.path.basename(file) in json.load(text)["weight_map"].values()
    except (ValueError, LookupError, TypeError, AttributeError):  # no index, which vLLM would not take either
        return False


def copy(name, revision, wanted, ignore):
    from huggingface_hub import HfApi, snapshot_download

    def download(files):
        left = [glob.escape(file) for file in there if file not in files]
        return snapshot_download(name, revision=revision, ignore_patterns=left)

    there = [each.rfilename for each in HfApi().model_info(name, revision=revision).siblings]
    files, has_weights = choose(there, wanted, ignore)
    if not has_weights:
        reads = ORDER.get(wanted, "any file")
        said = f"none of its {len(there)} files holds weights that vLLM reads as {wanted} ({reads})"
        sys.exit(f"{name}: {said}: look at the repository, load-format and download.ignore")
    for file in [] if wanted == "all" else list(merged(files)):
        index = f"{file}.index.json"
        if not listed(os.path.join(download([index]), index), file):
            files.remove(file)
    return download(files)


def of_answer(error, name, revision):
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        why = (
            "the token is missing or wrong, its account has not accepted the model's license, or there is no such model"
        )
        return f"{name}: Hugging Face answers {status}: {why}"
    if status == 404:
        return f"{name}: Hugging Face has no such model, or no revision {revision or 'main'} of it"
    return status and f"{name}: Hugging Face answers {status}"


def of_certificate(error, name, _):
    if isinstance(error, ssl.SSLCertVerificationError):
        said = f"shows a certificate that is not trusted here ({error})"
        mend = "name its authority (network.ca in stack.yaml, ca of the chart)"
        return f"{name}: Hugging Face, or a proxy or mirror in its place, {said}: {mend}"
    return None


def of_cache(error, *_):
    if isinstance(error, ssl.SSLError):  # whose numbers are of its own
        return None
    code, place = getattr(error, "errno", None), getattr(error, "filename", None) or "the cache"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        who = f"user {os.getuid()}, group {os.getgid()} may not write ({error.strerror})"
        mend = "make that user the owner of the volume's root; for File Storage, squash all users of the export to it"
        return f"{place}: {who}: {mend} (identity squash)"
    mend = "make the cache larger, or delete models and revisions in it that nothing uses any more"
    return code in (errno.ENOSPC, errno.EDQUOT) and f"{place}: {error.strerror}: {mend}"


def of_network(error, name, _):
    library = type(error).__module__.startswith(("http", "requests", "urllib3"))
    if library or (isinstance(error, OSError) and error.filename is None):
        said = f"cannot be reached ({type(error).__name__}: {error})"
        return f"{name}: Hugging Face {said}: look at the NetworkPolicy, DNS and the proxy"
    return None


def reason(error, *what):
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    found = [said(each, *what) for said in (of_answer, of_certificate, of_cache) for each in chain]
    return next(filter(None, [*found, *(of_network(each, *what) for each in reversed(chain))]), None)


def late(*_):
    os.write(2, f"the copy is not complete after {seconds} s (download.timeoutSeconds); another try goes on\n".encode())
    os._exit(1)


def main(repositories, wanted, ignore, marker):
    name = revision = None
    try:
        if os.path.exists(marker):
            with open(marker, encoding="utf-8") as file:
                paths = file.read().splitlines()
            if len(paths) == len(repositories) and all(map(os.path.isdir, paths)):
                return print("everything is in the cache already")
            os.unlink(marker)  # servers wait for it, and the cache was emptied since
        os.makedirs(os.path.dirname(marker), exist_ok=True)
        own = f"{marker}.{os.uname().nodename}"  # another blueprint's Job may copy the same into a cache of both
        with open(own, "w", encoding="utf-8") as file:
            for number, (name, revision) in enumerate(repositories):
                path = copy(name, revision or None, "auto" if number else wanted, ignore)  # adapters have their own
                print(path, file=file)
        os.replace(own, marker)
    except Exception as error:
        line = reason(error, name, revision)
        if not line:
            raise
        sys.exit(" ".join(line.split()))


if __name__ == "__main__":
    seconds = int(sys.argv[5])
    signal.signal(signal.SIGALRM, late)  # as PID 1 it would pass over a signal without a handler
    signal.alarm(seconds)
    main(json.loads(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), sys.argv[4])
