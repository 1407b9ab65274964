"""Models and adapters from folders that were looked through, as torch holds them: safetensors alone, no code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from core.server.engines.lora.safety import check_folder

RANK = 16
_SPARE = 0.6  # of a GPU's free memory: what weights may take before they are held in 4 bits


def device() -> str:
    """The kind of device that torch would work on: cuda, mps or cpu."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def has_bf16() -> bool:
    """Whether the device reckons well in 16 bits."""
    import torch

    return device() == "cuda" and torch.cuda.is_bf16_supported()


def load_base(folder: Path) -> Any:
    """The model of a folder: 16 bits where the device is good at it, 4 where it would not fit and the machine can.
    Raises UnsafeModel for a folder that asks for code or holds none but pickled weights."""
    import torch
    from transformers import AutoModelForCausalLM

    check_folder(folder)
    more: dict[str, Any] = {}
    if device() == "cuda" and _too_large(folder) and importlib.util.find_spec("bitsandbytes"):
        from transformers import BitsAndBytesConfig

        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    return AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=torch.bfloat16 if has_bf16() else torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        **more,
    )


def _too_large(folder: Path) -> bool:
    import torch

    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return bool(weights > _SPARE * torch.cuda.mem_get_info()[0])


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer as the trainers want it; it goes into the folder of what was trained."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def fresh_adapter() -> Any:
    """An adapter for every linear layer; nothing else is trained, so that other servers can load it."""
    from peft import LoraConfig

    return LoraConfig(r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def with_adapter(model: Any, adapter: Path, *, trainable: bool = False, name: str = "default") -> Any:
    """The model with the adapter of a folder. Raises FileNotFoundError where it holds no safetensors."""
    from peft import PeftModel

    if not (adapter / "adapter_model.safetensors").is_file():
        raise FileNotFoundError(adapter / "adapter_model.safetensors")
    return PeftModel.from_pretrained(model, str(adapter), adapter_name=name, is_trainable=trainable)
