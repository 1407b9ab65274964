"""Model folders by their headers: the true shapes of open models, with weights that are holes in the file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
BYTES = {"F32": 4, "BF16": 2, "F16": 2, "I64": 8}


def header(shapes: Mapping[str, tuple[int, ...]], dtype: str = "BF16") -> tuple[dict[str, Any], int]:
    """The header of a safetensors file and how many bytes follow it."""
    told: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, shape in shapes.items():
        size = math.prod(shape) * BYTES[dtype]
        told[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return told, at


def write_weights(path: Path, told: Any, size: int) -> None:
    """A safetensors file whose numbers take no room on disk."""
    head = told if isinstance(told, bytes) else json.dumps(told).encode()
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.truncate(8 + len(head) + size)


def decoder(*, layers: int, hidden: int, heads: int, kv: int, head: int, inner: int, words: int) -> dict[str, Any]:
    """The settings of a decoder with grouped attention and gated layers, as Qwen and Llama are built."""
    return {
        "model_type": "qwen3",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": head,
        "intermediate_size": inner,
        "vocab_size": words,
        "tie_word_embeddings": True,
    }


SMALL_135M = decoder(layers=30, hidden=576, heads=9, kv=3, head=64, inner=1536, words=49_152)
QWEN_600M = decoder(layers=28, hidden=1024, heads=16, kv=8, head=128, inner=3072, words=151_936)
LLAMA_8B = decoder(layers=32, hidden=4096, heads=32, kv=8, head=128, inner=14_336, words=128_256)
TINY = decoder(layers=2, hidden=16, heads=2, kv=1, head=8, inner=32, words=320)


def shapes_of(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors of a model with these settings."""
    hidden, inner, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    layer = {
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    found = {"model.embed_tokens.weight": (config["vocab_size"], hidden), "model.norm.weight": (hidden,)}
    for number in range(config["num_hidden_layers"]):
        found |= {f"model.layers.{number}.{name}.weight": shape for name, shape in layer.items()}
    if not config.get("tie_word_embeddings"):
        found["lm_head.weight"] = (config["vocab_size"], hidden)
    return found


def model_folder(folder: Path, config: Mapping[str, Any] = TINY, *, dtype: str = "BF16") -> Path:
    """A folder with config.json, model.safetensors and a tokenizer's settings with a chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    write_weights(folder / "model.safetensors", *header(shapes_of(config), dtype))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, "eos_token": "</s>"}))
    return folder
