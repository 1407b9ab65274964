"""The lora engine: open-weight chat models, trained with LoRA and asked, each in processes of their own.

`engine.LoraEngine` is its door; `python -m core.server.engines.lora JOB_DIR` is its worker, and
`python -m core.server.engines.lora.answering FOLDER` answers. Only these two import torch.
"""
