"""The local provider: the fine-tuning and chat parts of OpenAI's API over HTTP, on this machine, with real training."""
