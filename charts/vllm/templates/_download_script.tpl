{{- /* One try of the copy. It ends with one line that says why, and the kubelet starts it again, after 5 minutes at most:
       what is mended meanwhile (a token, a licence, the network, a volume) needs nobody to delete the Job.
       The process is PID 1 of its container, for which a signal without a handler does nothing. */}}
{{- define "vllm.downloadScript" -}}
import errno, json, os, signal, sys
wanted, ignore, marker, seconds = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3], int(sys.argv[4])
def late(*_):
    os.write(2, f"the copy isn't complete after {seconds} s (download.timeoutSeconds); it goes on in another try\n".encode())
    os._exit(1)
signal.signal(signal.SIGALRM, late)
signal.alarm(seconds)
def reason(error, name, revision):
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    for one in chain:
        status = getattr(getattr(one, "response", None), "status_code", None)
        if status in (401, 403):
            return f"{name}: Hugging Face answers {status}: the token is missing or wrong, its account hasn't accepted the model's licence, or there is no such model"
        if status == 404:
            return f"{name}: Hugging Face has no such model, or no revision {revision or 'main'} of it"
        if status:
            return f"{name}: Hugging Face answers {status}"
    for one in chain:
        if isinstance(one, OSError) and one.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return (f"{one.filename or 'the cache'}: user {os.getuid()}, group {os.getgid()} may not write ({one.strerror}): make that user the owner of the"
                    " volume's root; for File Storage, squash all users of the export to it (identity squash)")
        if isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"{one.filename or 'the cache'}: {one.strerror}: make the cache larger"
    for one in reversed(chain):
        if isinstance(one, OSError) and one.filename is None or type(one).__module__.startswith(("http", "requests", "urllib3")):
            return f"{name}: Hugging Face can't be reached ({type(one).__name__}: {one}): look at the NetworkPolicy, DNS and the proxy"
    return None
name = revision = None
try:
    os.makedirs(os.path.dirname(marker), exist_ok=True)
    with open(marker + ".new", "w", encoding="utf-8") as file:
        from huggingface_hub import snapshot_download
        for name, revision in wanted:
            path = snapshot_download(name, revision=revision or None, ignore_patterns=ignore)
            print(path, flush=True)
            file.write(path + "\n")
    os.replace(marker + ".new", marker)
except Exception as error:
    line = reason(error, name, revision)
    if line is None:
        raise
    sys.exit(" ".join(line.split()))
{{- end }}
