{{- /* Generated from the catalogue of vLLM by tools/chart_docs.py: change that, not this file. */}}

{{- /* Flags whose list isn't given as `--flag one two`: as one JSON text (json), or once for each entry (repeat). */}}
{{- define "vllm.listForms" -}}
{
  "allowed-headers": "json",
  "allowed-methods": "json",
  "allowed-origins": "json",
  "middleware": "repeat"
}
{{- end }}

{{- /* Boolean flags without --no-flag. */}}
{{- define "vllm.switches" -}}
[
  "aggregate-engine-logging",
  "data-parallel-multi-port-external-lb",
  "disable-log-stats"
]
{{- end }}

{{- /* What breaks or opens the pod, and why; a * at the end stands for anything. */}}
{{- define "vllm.refusedFlags" -}}
{
  "allowed-local-media-path": "lets requests read files of the pod",
  "custom-histogram-buckets": "alerts on time to first token read vLLM's own bounds",
  "data-parallel-address": "one pod holds all of its GPUs; more servers are replicas",
  "data-parallel-backend": "one pod holds all of its GPUs; more servers are replicas",
  "data-parallel-external-lb": "the Service balances between pods, and gpu.count doesn't count what runs elsewhere",
  "data-parallel-hybrid-lb": "the Service balances between pods, and gpu.count doesn't count what runs elsewhere",
  "data-parallel-multi-port-external-lb": "the Service and the probes know one port",
  "data-parallel-rank": "one pod holds all of its GPUs; more servers are replicas",
  "data-parallel-rpc-port": "one pod holds all of its GPUs; more servers are replicas",
  "data-parallel-size-local": "one pod holds all of its GPUs; more servers are replicas",
  "data-parallel-start-rank": "one pod holds all of its GPUs; more servers are replicas",
  "data-parallel-supervisor-port": "the Service and the probes know one port",
  "disable-log-stats": "scaling and alerts read the metrics that it takes away",
  "distributed-executor-backend": "one pod holds all of its GPUs, and vLLM finds the way between them",
  "ec-transfer-config": "opens ports between pods without authentication and may import Python",
  "enable-mm-embeds": "takes tensors from clients",
  "enable-prompt-embeds": "takes tensors from clients",
  "enable-scale-out": "adds endpoints that abort other clients' requests",
  "enable-ssl-refresh": "probes, routes and Prometheus speak HTTP; TLS ends at the gateway",
  "grpc-port": "opens a second port, which no policy covers",
  "hf-overrides": "changes facts of the model that memory was computed from",
  "io-processor-plugin": "imports a Python package",
  "kv-events-config": "publishes what is in the cache on a port without authentication",
  "kv-transfer-config": "opens ports between pods without authentication and may import Python",
  "log-config-file": "configures Python's logging, which can call any Python function",
  "logging-config": "configures Python's logging, which can call any Python function",
  "logits-processors": "imports Python classes",
  "master-addr": "one pod holds all of its GPUs",
  "master-port": "one pod holds all of its GPUs",
  "middleware": "imports a Python module",
  "model-class-overrides": "loads another class for the model",
  "nnodes": "one pod holds all of its GPUs",
  "node-rank": "one pod holds all of its GPUs",
  "prefill-context-parallel-size": "gpu.count doesn't count its GPUs",
  "profiler-config": "adds endpoints that slow the server down and write files",
  "reasoning-parser-plugin": "imports a Python file",
  "root-path": "the routes let /v1 and /health through",
  "scheduler-cls": "imports a Python class",
  "ssl-ca-certs": "probes, routes and Prometheus speak HTTP; TLS ends at the gateway",
  "ssl-cert-reqs": "probes, routes and Prometheus speak HTTP; TLS ends at the gateway",
  "ssl-certfile": "probes, routes and Prometheus speak HTTP; TLS ends at the gateway",
  "ssl-ciphers": "probes, routes and Prometheus speak HTTP; TLS ends at the gateway",
  "ssl-keyfile": "probes, routes and Prometheus speak HTTP; TLS ends at the gateway",
  "tool-parser-plugin": "imports a Python file",
  "tool-server": "calls tools over the network; demo runs code that the model writes",
  "trust-remote-code": "runs Python code from the model's repository",
  "trust-request-chat-template": "renders templates that clients write",
  "trust-request-mm-kwargs": "lets clients decide how much memory an image takes",
  "weight-transfer-config": "lets clients replace the weights",
  "worker-cls": "imports a Python class",
  "worker-extension-cls": "imports a Python class"
}
{{- end }}

{{- define "vllm.refusedVariables" -}}
{
  "AWS_ENDPOINT_URL_*": "the weights would come from elsewhere than model.bucket.endpoint",
  "CUDA_VISIBLE_DEVICES": "Kubernetes hands out the GPUs",
  "HF_ENDPOINT": "sends the Hugging Face token to another server",
  "HF_HUB_CACHE": "the weights lie below HF_HOME, where the download Job leaves them",
  "HUGGINGFACE_HUB_CACHE": "the weights lie below HF_HOME, where the download Job leaves them",
  "LD_AUDIT": "loads a library",
  "LD_LIBRARY_PATH": "loads libraries from elsewhere",
  "LD_PRELOAD": "loads a library",
  "NVIDIA_VISIBLE_DEVICES": "Kubernetes hands out the GPUs",
  "PATH": "runs programs from elsewhere",
  "PYTHONPATH": "imports Python modules from elsewhere",
  "PYTHONSTARTUP": "runs a Python file",
  "VLLM_ALLOW_INSECURE_SERIALIZATION": "unpickles what others send",
  "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "allows a context that the model wasn't trained for",
  "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "lets clients load adapters",
  "VLLM_CUDART_SO_PATH": "loads a library",
  "VLLM_HOST_IP": "each pod has its own address, which vLLM finds",
  "VLLM_LOGGING_CONFIG_PATH": "configures Python's logging, which can call any Python function",
  "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "lets an allowed host lead requests into the cluster",
  "VLLM_NCCL_SO_PATH": "loads a library",
  "VLLM_PLUGINS": "imports Python packages",
  "VLLM_SERVER_DEV_MODE": "adds endpoints that stop the server and show its configuration",
  "VLLM_USE_MODELSCOPE": "loads models from ModelScope, whatever model.source says"
}
{{- end }}
