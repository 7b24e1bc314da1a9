"""A fit in words."""

from gpuyard.fit.verdict import TYPICAL_TOKENS, Fit

__all__ = ["explain"]


def explain(found: Fit) -> list[str]:
    """The arithmetic of a fit, line by line, for people."""
    settings = found.settings
    parallel = f"tensor parallel {settings.tensor}"
    if settings.pipeline > 1:
        parallel += f", pipeline parallel {settings.pipeline}"
    share = f"{settings.utilization:.0%} of {found.usable:.2f} GiB"
    lines = [
        f"{found.node}, {parallel}: {found.verdict}" + (f" ({found.reason})" if found.reason else ""),
        f"  budget     {found.budget:7.2f} GiB  {share}",
        f"- weights    {found.weights:7.2f} GiB",
        f"- activation {found.activation:7.2f} GiB  {settings.max_num_seqs} sequences, "
        f"{settings.batched_tokens} batched tokens",
        f"- buffers    {found.buffers:7.2f} GiB  CUDA context, NCCL",
        f"- graphs     {found.graphs:7.2f} GiB  CUDA graphs",
        *([f"- adapters   {found.adapters:7.2f} GiB  LoRA"] if settings.adapters else []),
        f"= {_left(found)}",
        f"concurrency: {found.full_length:.1f} requests of {settings.context:,} tokens, "
        f"{found.typical:.0f} of {min(TYPICAL_TOKENS, settings.context):,}",
        f"largest context: {found.largest_context:,} tokens",
    ]
    return lines + [f"assumed: {assumption}" for assumption in found.assumptions]


def _left(found: Fit) -> str:
    if found.model.attention.encoder:
        return f"free       {found.kv:7.2f} GiB  no KV cache"
    return f"KV cache   {found.kv:7.2f} GiB  {found.kv_tokens:,} tokens of {found.kv_token_bytes:,} bytes"
