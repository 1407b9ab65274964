"""An adapter taken out of the provider: what is written works, and says what it is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lora_bench import LoraBench, chats

from core.__main__ import main
from core.errors import BadInput, NotFound, ProviderError
from core.server.database import Database
from core.server.engines.lora import recipes
from core.server.engines.lora.export import Tuned, export, find
from core.server.engines.lora.publishing import publish, root_of
from core.server.home import Home

MODEL = "ft:tiny:local:topics:ab12cd"


@pytest.fixture(scope="module")
def provider(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A provider's folder with one job that was really trained."""
    base = tmp_path_factory.mktemp("base") / "tiny"
    shutil.copytree(tiny, base)
    (base / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# Tiny\n")
    home = Home(tmp_path_factory.mktemp("provider"))
    home.file("file-1").write_bytes(b'{"messages": []}\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUOPAN_LORA_MODELS", f"tiny={base}")
        patch.setenv("HF_HUB_OFFLINE", "1")
        LoraBench(home.jobs).train(chats(16), name="ftjob-1")
    database = Database(home.database)
    row = {"id": "ftjob-1", "status": "succeeded", "created_at": 1, "finished_at": 1_760_000_000, "model": "tiny"}
    row |= {"base": "tiny", "engine": "lora", "method": "supervised", "hyperparameters": '{"n_epochs": 2}', "seed": 5}
    row |= {"training_file": "file-1", "tag": "ab12cd", "result_files": "[]", "fine_tuned_model": MODEL}
    with database.write() as connection:
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO jobs({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        add = "INSERT INTO models(id, job_id, base, engine, created_at, path) VALUES (?,?,?,?,?,?)"
        connection.execute(add, (MODEL, "ftjob-1", "tiny", "lora", 1, "jobs/ftjob-1/final"))
        connection.execute(add, ("ft:classic", "ftjob-1", "local-classic-1", "classic", 1, "jobs/none"))
    database.close()
    return home.folder


@pytest.fixture
def tuned(provider: Path) -> Tuned:
    return find(provider, MODEL)


def test_a_model_is_found_by_its_name_and_by_its_job(provider: Path) -> None:
    assert find(provider, "ftjob-1").id == find(provider, MODEL).id == MODEL
    with pytest.raises(NotFound, match="no trained model"):
        find(provider, "ft:none")
    with pytest.raises(BadInput, match="no adapter"):
        find(provider, "ft:classic")


def test_the_adapter_names_its_base_as_others_know_it(tuned: Tuned, tmp_path: Path) -> None:
    assert json.loads((tuned.adapter / "adapter_config.json").read_text())["base_model_name_or_path"].startswith("/")
    made = export(tuned, tmp_path / "out")
    assert json.loads((made.adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == "tiny"
    other = export(tuned, tmp_path / "other", base_name="own/tiny-1")
    assert json.loads((other.adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == "own/tiny-1"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "nothing half is left"


def test_a_base_from_the_hub_keeps_the_name_it_has_there(tuned: Tuned, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    told = "/cache/hub/models--Own--Tiny-1B/snapshots/0123abc"
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": told, "r": 8}))
    assert Tuned("ft:x", adapter, "tiny", {}).base_name() == "Own/Tiny-1B"


def test_the_card_tells_of_data_method_and_licence(tuned: Tuned, tmp_path: Path) -> None:
    told = (export(tuned, tmp_path / "out").adapter / "README.md").read_text()
    digest = hashlib.sha256(b'{"messages": []}\n').hexdigest()
    assert 'base_model: "tiny"' in told and 'license: "apache-2.0"' in told and "n_epochs 2" in told
    assert digest in told and "2025-10-09" in told and "rank 16" in told
    base = tuned.base_folder()
    assert base is not None
    (base / "README.md").rename(base / "README.old")
    try:
        told = (export(tuned, tmp_path / "other").adapter / "README.md").read_text()
    finally:
        (base / "README.old").rename(base / "README.md")
    assert "unknown here" in told and 'license: "other"' in told


def test_the_chat_template_lies_beside_it_and_does_not_think_aloud(tuned: Tuned, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(export(tuned, tmp_path / "out").adapter, local_files_only=True)
    talk = [{"role": "user", "content": "where is it"}]
    ask: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True}
    assert tokenizer.apply_chat_template(talk, **ask).endswith("assistant\n<think>\n\n</think>\n\n")
    assert tokenizer.apply_chat_template(talk, enable_thinking=True, **ask).endswith("assistant\n")


def test_a_merged_model_answers_as_its_base_with_the_adapter(tuned: Tuned, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    made = export(tuned, tmp_path / "out", merged=True, environment=dict(os.environ))
    assert made.merged and (made.merged / "model.safetensors").is_file()
    base = AutoModelForCausalLM.from_pretrained(tuned.base_folder(), dtype=torch.float32)
    tokens = torch.arange(40).reshape(2, 20)
    with torch.no_grad():
        plain = base(tokens).logits
        wanted = PeftModel.from_pretrained(base, str(made.adapter))(tokens).logits
        seen = AutoModelForCausalLM.from_pretrained(made.merged, dtype=torch.float32)(tokens).logits
    torch.testing.assert_close(seen, wanted, atol=1e-5, rtol=1e-4)
    assert (wanted - plain).abs().max() > 1e-3, "the adapter changes the answers"
    assert "whole model" in (made.merged / "README.md").read_text()
    assert (made.merged / "chat_template.jinja").is_file() and (made.merged / "tokenizer.json").is_file()


def test_merging_needs_a_base_that_is_there_and_to_be_trusted(tuned: Tuned, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / "config.json").write_text("{}")
    (hostile / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(BadInput, match="pickle"):
        export(tuned, tmp_path / "out", merged=True, base=hostile)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    for path in tuned.adapter.iterdir():
        (adapter / path.name).write_bytes(path.read_bytes())
    told = {**tuned.config, "base_model_name_or_path": "/none/such"}
    (adapter / "adapter_config.json").write_text(json.dumps(told))
    with pytest.raises(BadInput, match="needed to merge"):
        export(Tuned(MODEL, adapter, "tiny", {}), tmp_path / "out", merged=True)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(tuned: Tuned, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export(tuned, tmp_path / "out")
    with pytest.raises(BadInput, match="there already"):
        export(tuned, tmp_path / "out")


# The scripts

PRETENDED = (
    '#!/usr/bin/env bash\nfor word in "$0" "$@"; do printf "%s\\n" "$word"; done >> "$TOLD"\necho -- >> "$TOLD"\n'
)


def told_by(script: Path, folder: Path, **environment: str) -> list[list[str]]:
    """What a script called: programs that only write down their words stand where the real ones would."""
    for name in ("vllm", "python3", "quantize"):
        (folder / name).write_text(PRETENDED)
        (folder / name).chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "TOLD": str(folder / "told"), **environment}
    done = subprocess.run([str(script)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    calls = (folder / "told").read_text().split("--\n")[:-1]
    return [call.splitlines() for call in calls]


def test_the_script_for_vllm_serves_the_adapter_under_its_name(tuned: Tuned, tmp_path: Path) -> None:
    made = export(tuned, tmp_path / "an 'odd' name", base_name="own/tiny")
    (words,) = told_by(made.folder / "serve-vllm.sh", tmp_path)
    assert words[1:3] == ["serve", str(tuned.base_folder())]
    assert words[words.index("--lora-modules") + 1] == f"{MODEL}={made.adapter}"
    assert words[words.index("--max-lora-rank") + 1] == "16" and "--enable-lora" in words
    assert Path(words[words.index("--chat-template") + 1]).is_file()


def test_the_script_for_sglang_names_it_without_colons(tuned: Tuned, tmp_path: Path) -> None:
    made = export(tuned, tmp_path / "out")
    (words,) = told_by(made.folder / "serve-sglang.sh", tmp_path, BASE="other/base")
    assert words[1:5] == ["-m", "sglang.launch_server", "--model-path", "other/base"]
    assert words[words.index("--lora-paths") + 1] == f"ft-tiny-local-topics-ab12cd={made.adapter}"


@pytest.mark.parametrize("merged", [False, True])
def test_the_recipe_for_gguf_makes_what_the_modelfile_names(tuned: Tuned, tmp_path: Path, merged: bool) -> None:
    folder = tmp_path / "out folder"
    folder.mkdir()
    for name, text in recipes.files(MODEL, "own/tiny", tmp_path / "it's base", 4, merged=merged, gguf=True).items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    environment = {"LLAMA_CPP": str(tmp_path / "llama"), "QUANTIZE": str(tmp_path / "quantize")}
    calls = told_by(folder / "to-gguf.sh", tmp_path, **environment)
    assert next(Path(words[1]).name for words in calls) == "convert_hf_to_gguf.py"
    written = {word for words in calls for word in words if word.endswith(".gguf")}
    for line in (folder / "Modelfile").read_text().splitlines():
        if line.startswith(("FROM", "ADAPTER")):
            assert str(folder / line.split("./")[1]) in written
    if not merged:
        words = next(words for words in calls if words[1].endswith("convert_lora_to_gguf.py"))
        assert words[words.index("--base") + 1] == str(tmp_path / "it's base")
        assert words[-1] == str(folder / "adapter")


@pytest.mark.parametrize(("rank", "room"), [(4, 8), (16, 16), (20, 32), (512, 512)])
def test_room_is_made_in_the_steps_that_vllm_knows(rank: int, room: int) -> None:
    assert recipes.room(rank) == room


# A server that loads adapters while it runs


@dataclass
class Adapters:
    """A real HTTP server with vLLM's two routes, or SGLang's."""

    prefix: str = "/v1"
    key: str = ""
    loaded: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, key: str, body: dict[str, str]) -> tuple[int, str]:
        self.asked.append(path)
        if self.key and key != f"Bearer {self.key}":
            return 401, '{"error": "Unauthorized"}'
        name = body["lora_name"]
        if path == f"{self.prefix}/load_lora_adapter":
            if name in self.loaded:
                told = f"The lora adapter '{name}' has already been loaded."
                return 400, json.dumps({"error": {"message": told, "type": "InvalidUserInput", "code": 400}})
            if not (Path(body["lora_path"]) / "adapter_config.json").is_file():
                told = f"No adapter found for {body['lora_path']}"
                return 404 if self.prefix == "none" else 400, json.dumps({"error": {"message": told}})
            self.loaded[name] = body["lora_path"]
            return 200, f"Success: LoRA adapter '{name}' added successfully."
        if path == f"{self.prefix}/unload_lora_adapter":
            del self.loaded[name]
            return 200, f"Success: LoRA adapter '{name}' removed successfully."
        return 404, '{"detail": "Not Found"}'


@pytest.fixture
def adapters() -> Iterator[Adapters]:
    server_of = Adapters()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, text = server_of.answer(self.path, self.headers.get("authorization", ""), body)
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server_of.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield server_of
    server.shutdown()
    server.server_close()


def test_a_running_server_takes_the_adapter_and_a_newer_one_of_that_name(tuned: Tuned, adapters: Adapters) -> None:
    publish(adapters.url, MODEL, tuned.adapter)
    publish(adapters.url.removesuffix("/v1"), MODEL, tuned.adapter)
    assert adapters.loaded == {MODEL: str(tuned.adapter)}
    assert adapters.asked[1:] == [f"/v1/{word}_lora_adapter" for word in ("load", "unload", "load")]


def test_sglangs_route_is_found(tuned: Tuned, adapters: Adapters) -> None:
    adapters.prefix = ""
    publish(adapters.url, MODEL, tuned.adapter)
    assert adapters.loaded


def test_a_server_that_refuses_is_heard(tuned: Tuned, adapters: Adapters, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="No adapter found"):
        publish(adapters.url, MODEL, tmp_path)
    adapters.prefix = "/elsewhere"
    with pytest.raises(ProviderError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
        publish(adapters.url, MODEL, tuned.adapter)
    adapters.key = "secret"
    with pytest.raises(ProviderError, match="Unauthorized"):
        publish(adapters.url, MODEL, tuned.adapter, key="wrong")
    with pytest.raises(ProviderError, match="cannot be reached"):
        publish("http://127.0.0.1:1", MODEL, tuned.adapter)


@pytest.mark.parametrize("url", ["", "ftp://a", "127.0.0.1:8000", "http://", "http://a b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        root_of(url)


# The command line


def test_the_command_line_exports_and_publishes(
    provider: Path,
    adapters: Adapters,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = ["--data", str(provider)]
    assert main(["models", "export", "ftjob-1", "--to", str(tmp_path / "out"), "--gguf-recipe", *data]) == 0
    told = capsys.readouterr().out
    assert "adapter/" in told and "serve-vllm.sh" in told and "Modelfile" in told
    assert main(["models", "publish", MODEL, *data]) == 2 and "--url" in capsys.readouterr().err
    monkeypatch.setenv("LUOPAN_VLLM_URL", adapters.url)
    assert main(["models", "publish", MODEL, "--path", str(tmp_path / "out/adapter"), "--json", *data]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == MODEL and MODEL in adapters.loaded
    assert main(["models", "export", "ft:none", "--to", str(tmp_path / "no"), *data]) == 2


def test_exporting_without_merging_loads_no_torch() -> None:
    rooms = ", ".join(f"core.server.engines.lora.{name}" for name in ("export", "publishing", "recipes"))
    code = f"import sys, {rooms}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
