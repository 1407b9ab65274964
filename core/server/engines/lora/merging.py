"""`python -m core.server.engines.lora.merging ADAPTER BASE TARGET`: writes the base with the adapter laid into it.

The sum is made in 32 bits and kept in the numbers of the base, so that what is rounded is rounded once.
"""

from __future__ import annotations

import sys
from pathlib import Path


def merge(adapter: Path, base: Path, target: Path) -> None:
    """Writes the merged model as safetensors."""
    import torch
    from peft import PeftModel
    from transformers import AutoConfig, AutoModelForCausalLM

    given = {"local_files_only": True, "trust_remote_code": False}
    kept = AutoConfig.from_pretrained(base, **given).dtype or torch.float32
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, use_safetensors=True, **given)
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)
    merged.to(getattr(torch, kept) if isinstance(kept, str) else kept).save_pretrained(target)


if __name__ == "__main__":
    merge(*map(Path, sys.argv[1:4]))
