"""`python -m core models export|publish`: an adapter that was trained here, taken to where it will answer."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import BadInput
from core.words import T, _

if TYPE_CHECKING:
    from core.server.engines.lora.export import Tuned
    from core.settings import Settings

EXPORT = """\
Write an adapter that was trained with LoRA into a folder: its files, a card, and scripts that serve it with vLLM or
SGLang. With --merged also the whole model, with --gguf-recipe a script for llama.cpp and Ollama.

  python -m core models export MODEL --to my_model --merged --gguf-recipe
"""
PUBLISH = """\
Let a vLLM or SGLang server that is running answer with an adapter that was trained here, under the model's own name.

  python -m core models publish MODEL --url http://127.0.0.1:8000/v1
"""


def add_verbs(verbs: Any) -> None:
    """Add `export` and `publish` to `models`."""
    export = _verb(verbs, "export", "write an adapter for use elsewhere, with scripts that serve it", EXPORT, _export)
    export.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="a new folder")
    export.add_argument("--merged", action="store_true", help="also the whole model with the adapter merged in")
    export.add_argument(
        "--gguf-recipe", action="store_true", help="also a script that makes GGUF files, and a Modelfile"
    )
    export.add_argument("--base", type=Path, metavar="FOLDER", help="where the base model is, if it was moved")
    export.add_argument("--base-name", default="", metavar="NAME", help="what the base model is called elsewhere")
    publish = _verb(verbs, "publish", "let a running vLLM or SGLang server answer with an adapter", PUBLISH, _publish)
    publish.add_argument("--url", default="", metavar="U", help="its address (default: LUOPAN_VLLM_URL)")
    publish.add_argument("--path", default="", metavar="P", help="the adapter's folder as that server sees it")


def _verb(verbs: Any, name: str, text: str, more: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=text, description=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL", help="a trained model, or the job that made it")
    parser.add_argument(
        "--data", type=Path, metavar="D", help="folder of the local provider (default: below LUOPAN_HOME)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def _tuned(options: argparse.Namespace, settings: Settings) -> Tuned:
    """The adapter of a model, of a job at the provider, or of a job's number in the list."""
    from core.server.engines.lora.export import find

    wanted = options.model
    if wanted.isdecimal():
        from core.store import Store

        store = Store.open(settings)
        try:
            wanted = store.jobs.get(wanted).fine_tuned_model or wanted
        finally:
            store.close()
    return find(options.data or settings.provider_home, wanted)


def _export(options: argparse.Namespace) -> int:
    from core.server.engines.lora.export import export
    from core.settings import Settings

    settings = Settings.from_env()
    tuned = _tuned(options, settings)
    made = export(
        tuned,
        options.to,
        merged=options.merged,
        gguf=options.gguf_recipe,
        base=options.base,
        base_name=options.base_name,
        environment=settings.environment,
    )
    if options.json:
        plain = {"model": tuned.id, "folder": str(made.folder), "adapter": str(made.adapter)}
        print(json.dumps({**plain, "merged": str(made.merged) if made.merged else None}, ensure_ascii=False))
        return 0
    print(_("{model} is in {folder}:", model=tuned.id, folder=str(made.folder)))
    for path in sorted(made.folder.iterdir()):
        print(f"  {path.name}{'/' if path.is_dir() else ''}")
    return 0


def _publish(options: argparse.Namespace) -> int:
    from core.server.engines.lora.publishing import publish
    from core.settings import Settings

    settings = Settings.from_env()
    url = options.url or settings.vllm_url
    if not url:
        raise BadInput(T("No server was named."), T("Give its address with --url, or set LUOPAN_VLLM_URL."))
    tuned = _tuned(options, settings)
    publish(url, tuned.id, options.path or tuned.adapter, key=settings.vllm_key)
    told = _("{url} answers with {model} now.", url=url, model=tuned.id)
    print(json.dumps({"model": tuned.id, "url": url}, ensure_ascii=False) if options.json else told)
    return 0
