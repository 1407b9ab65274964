"""Giving an adapter to a server that is already running: vLLM's route for it, or SGLang's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2

from core.errors import BadInput, ProviderError
from core.words import T

SECONDS = 300.0  # a large adapter may take a while to be read


def root_of(url: str) -> str:
    """The address of a server without the /v1 at its end. Raises BadInput where it is none."""
    found = url.strip().rstrip("/").removesuffix("/v1")
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", found):
        raise BadInput(
            T("“{url}” is no address of a server.", url=url[:120]), T("Write it as http://127.0.0.1:8000/v1.")
        )
    return found


def publish(url: str, name: str, path: Path | str, *, key: str = "") -> None:
    """Lets a running server answer with the adapter in a folder that it can read; one of that name is replaced. Raises
    ProviderError with what the server said."""
    root = root_of(url)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    adapter = {"lora_name": name, "lora_path": str(path)}
    with httpx2.Client(headers=headers, timeout=SECONDS, trust_env=False) as client:
        for prefix in ("/v1", ""):  # vLLM, SGLang
            reply = _post(client, f"{root}{prefix}/load_lora_adapter", adapter)
            if reply.status_code == 400 and "already" in reply.text:
                _post(client, f"{root}{prefix}/unload_lora_adapter", {"lora_name": name})
                reply = _post(client, f"{root}{prefix}/load_lora_adapter", adapter)
            if reply.status_code not in (404, 405):
                break
    if reply.status_code in (404, 405):
        raise ProviderError(
            T("The server at {url} takes no adapters while it runs.", url=root),
            T("Start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True; models export writes how."),
        )
    if reply.status_code != 200:
        raise ProviderError(
            T("The server at {url} did not take the adapter: {why}", url=root, why=_reason(reply)),
            T("It must be able to read {path}, and make room for the adapter's rank.", path=str(path)),
        )


def _post(client: httpx2.Client, url: str, body: dict[str, Any]) -> httpx2.Response:
    try:
        return client.post(url, json=body)
    except httpx2.HTTPError as error:
        told = T("The server at {url} cannot be reached: {why}.", url=url, why=str(error)[:200] or type(error).__name__)
        raise ProviderError(told, T("Is it running, and is the address right?")) from None


def _reason(reply: httpx2.Response) -> str:
    try:
        body = reply.json()
        found = body.get("error", body) if isinstance(body, dict) else body
        message = found.get("message") if isinstance(found, dict) else None
    except ValueError:
        message = None
    return str(message or reply.text or reply.status_code)[:300]
