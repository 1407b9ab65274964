"""The classic engine: answers learnt from character and word n-grams with numpy alone.

`engine.ClassicEngine` is its door; `python -m core.server.engines.classic JOB_DIR` is its worker.
"""

BASE = "local-classic-1"
METHODS = ("supervised", "dpo", "reinforcement")
