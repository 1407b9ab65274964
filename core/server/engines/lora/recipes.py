"""How to serve an exported adapter elsewhere: small scripts that say what they do, written and never run here."""

from __future__ import annotations

import re
from pathlib import Path
from shlex import quote

RANKS = (8, 16, 32, 64, 128, 256)  # what vLLM reserves room for
START = """\
#!/usr/bin/env bash
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"""


def files(
    model: str, base_name: str, base: Path | None, rank: int, *, merged: bool = False, gguf: bool = False
) -> dict[str, str]:
    """The scripts for an export, by their file names."""
    found = {
        "serve-vllm.sh": vllm(model, base_name, base, rank),
        "serve-sglang.sh": sglang(model, base_name, base, rank),
    }
    if gguf:
        found |= {"to-gguf.sh": to_gguf(base_name, base, merged=merged), "Modelfile": modelfile(model, merged=merged)}
    return found


def plain_name(model: str) -> str:
    """A name of letters, digits and dashes, for servers that read colons and slashes as something else."""
    return re.sub(r"[^a-z0-9.]+", "-", model.lower()).strip("-.") or "tuned"


def room(rank: int) -> int:
    """The next rank that vLLM can be told to make room for."""
    return next((r for r in RANKS if r >= rank), rank)


def _base(base_name: str, base: Path | None) -> str:
    return f"BASE=${{BASE:-{quote(str(base or base_name))}}}  # the base model: a folder, or its name at the hub\n"


def vllm(model: str, base_name: str, base: Path | None, rank: int) -> str:
    """A script that serves base and adapter with vLLM."""
    return f"""{START}
# vLLM answers with the base and with this adapter, each by its name, at http://127.0.0.1:8000/v1 (needs a GPU).
# Set LUOPAN_VLLM_URL to that address, and the local provider hands on what is asked of this model.
{_base(base_name, base)}
# Lets further adapters be loaded while it runs (python -m core models publish). Whoever reaches the server can then
# load adapters too: it listens on this computer only.
export VLLM_ALLOW_RUNTIME_LORA_UPDATING=True
exec vllm serve "$BASE" --host 127.0.0.1 --port 8000 \\
  --enable-lora --max-lora-rank {room(rank)} \\
  --lora-modules {quote(model)}="$here/adapter" \\
  --chat-template "$here/adapter/chat_template.jinja" "$@"
"""


def sglang(model: str, base_name: str, base: Path | None, rank: int) -> str:
    """A script that serves base and adapter with SGLang."""
    name = plain_name(model)
    return f"""{START}
# SGLang answers at http://127.0.0.1:30000/v1 (needs a GPU). The adapter is asked as "BASE:{name}".
{_base(base_name, base)}
exec python3 -m sglang.launch_server --model-path "$BASE" --host 127.0.0.1 --port 30000 \\
  --enable-lora --lora-paths {quote(name)}="$here/adapter" \\
  --max-loras-per-batch 1 --max-lora-rank {rank} \\
  --chat-template "$here/adapter/chat_template.jinja" "$@"
"""


def to_gguf(base_name: str, base: Path | None, *, merged: bool) -> str:
    """A script that makes GGUF files with llama.cpp's own converters."""
    source = '"$here/merged"' if merged else '"$BASE"'
    out = "model" if merged else "base"
    steps = f"""
# 1. The {"merged model" if merged else "base"} in 16 bits.
"$PYTHON" "$LLAMA_CPP/convert_hf_to_gguf.py" {source} --outfile "$here/{out}-f16.gguf" --outtype f16

# 2. The same in about 4 bits a number: a quarter of the memory, a little less exact. Leave it out to keep 16 bits,
#    and name {out}-f16.gguf in the Modelfile then.
"$QUANTIZE" "$here/{out}-f16.gguf" "$here/{out}-q4_k_m.gguf" Q4_K_M
"""
    if not merged:
        steps += """
# 3. The adapter alone, which is laid over the base when it is served.
"$PYTHON" "$LLAMA_CPP/convert_lora_to_gguf.py" --base "$BASE" --outtype f16 --outfile "$here/adapter-f16.gguf" \\
  "$here/adapter"
"""
    then = f'-m "$here/{out}-q4_k_m.gguf"' + ("" if merged else ' --lora "$here/adapter-f16.gguf"')
    return f"""{START}
# Makes GGUF files for llama.cpp and Ollama. It needs a copy of llama.cpp with its Python requirements installed
# (LLAMA_CPP names its folder), llama-quantize built from it, and the folder of the base model.
LLAMA_CPP=${{LLAMA_CPP:?name the folder of llama.cpp}}
PYTHON=${{PYTHON:-python3}}
QUANTIZE=${{QUANTIZE:-$LLAMA_CPP/build/bin/llama-quantize}}
{_base(base_name, base)}{steps}
echo "Now: ollama create my-model -f $here/Modelfile"
echo 'or:  llama-server {then.replace(chr(34), "")}' | sed "s|\\$here|$here|g"
"""


def modelfile(model: str, *, merged: bool) -> str:
    """What Ollama makes a model from, once to-gguf.sh has run."""
    lines = [
        f"# {model}, for Ollama. Run to-gguf.sh first, then: ollama create {plain_name(model)[:60]} -f Modelfile",
        "# Ollama recognises the chat template that is kept in the GGUF file.",
        "FROM ./model-q4_k_m.gguf" if merged else "FROM ./base-q4_k_m.gguf",
    ]
    if not merged:
        lines += ["ADAPTER ./adapter-f16.gguf"]
    return "\n".join([*lines, "PARAMETER temperature 0", ""])
