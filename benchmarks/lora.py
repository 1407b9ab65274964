"""The worker for open models beside the same training written with plain TRL.

    python -m benchmarks.lora [--rounds 3] [--rows 256] [--model FOLDER]

Without a folder a model of 3 million random weights is made on the spot. Each round trains the same rows once with the
worker (its events and signs of life included) and once with a plain SFTTrainer, which is told the same numbers; what is
compared is the time from the first step to the last one: of the processor on a processor, of the clock on a GPU.
Memory is the most that the process held.

Measured on two cores that others used, no GPU: 256 rows in 3 rounds, worker 7.20 s and 742 MB, plain TRL 6.93 s and
724 MB, ratio 1.04; 128 rows in 2 rounds, 3.17 s and 3.22 s, ratio 0.98. The rounds of one side differ by 10 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = {"n_epochs": 1, "batch_size": 8, "learning_rate_multiplier": 1.0}
# Both sides count their seconds in the same way: a callback that is called after each step.
WATCH = """
import json, resource, sys, time
import torch
from transformers import TrainerCallback

def seconds():
    return time.perf_counter() if torch.cuda.is_available() else time.process_time()

class Watch(TrainerCallback):
    began = None
    def on_step_end(self, args, state, control, **kwargs):
        Watch.began = Watch.began or seconds()
        Watch.ended = seconds()

def told():
    most = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    most = most or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": Watch.ended - Watch.began, "bytes": most}))
"""
OURS = """
from pathlib import Path
from core.server.engines.base import JobDir
from core.server.engines.lora import progress
from core.server.engines.lora.worker import Worker
ends = progress.Progress.on_step_end
def watched(self, *args, **kwargs):
    ends(self, *args, **kwargs)
    Watch().on_step_end(*args, **kwargs)
progress.Progress.on_step_end = watched
assert Worker(JobDir(Path(sys.argv[1]))).run() == 0
told()
"""
PLAIN = """
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer
model, rows, out = sys.argv[1:4]
gpu = torch.cuda.is_available()
data = Dataset.from_list([json.loads(line) for line in open(rows)])
data = data.map(lambda row: {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]})
config = SFTConfig(
    output_dir=out, num_train_epochs=1, per_device_train_batch_size=8, learning_rate=2e-4, use_cpu=not gpu, bf16=gpu,
    activation_checkpointing=gpu, logging_steps=1, report_to="none", save_strategy="no", disable_tqdm=True,
    dataloader_pin_memory=gpu, max_length=None,
)
lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16 if gpu else torch.float32), args=config,
    train_dataset=data.remove_columns("messages"), processing_class=AutoTokenizer.from_pretrained(model),
    peft_config=lora, callbacks=[Watch()],
)
trainer.train()
told()
"""


def rows_of(path: Path, count: int) -> Path:
    """Questions of about 60 tokens with a short answer."""
    lines = []
    for number in range(count):
        words = " ".join(f"{word}{number % 7}" for word in ("parcel", "order", "invoice", "refund", "kettle", "plate"))
        question = f"A customer writes about {words}, number {number}. Which desk is it for?"
        answer = ("returns", "billing", "delivery")[number % 3]
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"messages": turns}))
    path.write_text("\n".join(lines), "utf-8")
    return path


def measured(code: str, *arguments: str) -> dict[str, Any]:
    """What a fresh interpreter tells of its training."""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    command = [sys.executable, "-c", WATCH + code, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def main(arguments: list[str]) -> int:
    """Prints each round and the ratio of the least seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--model", type=Path)
    given = parser.parse_args(arguments)
    from core.server.engines.base import JobDir, JobSpec
    from tests.tinymodel import make_model

    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        model = given.model or make_model(home / "model", size=256, layers=6)
        os.environ["LUOPAN_LORA_MODELS"] = f"bench={model}"
        rows = rows_of(home / "rows.jsonl", given.rows)
        found: dict[str, list[dict[str, Any]]] = {"worker": [], "plain TRL": []}
        for number in range(given.rounds):
            spec = JobSpec("bench", "bench", rows, hyperparameters=dict(NUMBERS))
            job = JobDir.create(home / f"job{number}", spec)
            found["worker"].append(measured(OURS, str(job.path)))
            found["plain TRL"].append(measured(PLAIN, str(model), str(rows), str(home / f"plain{number}")))
    for name, rounds in found.items():
        least = min(told["seconds"] for told in rounds)
        most = max(told["bytes"] for told in rounds)
        told = " ".join(f"{told['seconds']:.2f}" for told in rounds)
        print(f"{name:10} {told} s, least {least:.2f} s, at most {most / 1e6:.0f} MB")
    ours, plain = (min(told["seconds"] for told in rounds) for rounds in found.values())
    print(f"worker / plain TRL: {ours / plain:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
