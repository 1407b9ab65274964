"""Addresses of providers: what may be spoken to, and what deserves an explanation instead."""

from __future__ import annotations

import json
from datetime import date
from ipaddress import ip_address

import pytest

from core.errors import AppError, BadInput, ProviderError
from core.provider import LOCAL, PRESETS, ProviderKind, check_base_url
from core.provider.endpoint import is_denied, resolve
from core.settings import Settings


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        (" http://127.0.0.1:8790/v1/ ", "http://127.0.0.1:8790/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4"),
    ],
)
def test_an_address_is_kept_without_its_last_slash(url: str, kept: str) -> None:
    assert check_base_url(url) == kept


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "no address"),
        ("api.openai.com/v1", "no address"),
        ("ftp://host/v1", "no address"),
        ("file:///etc/passwd", "no address"),
        ("http://", "no address"),
        ("http://host:port/v1", "no address"),
        ("http://a b/v1", "no address"),
        ("http://[::1/v1", "no address"),
        ("https://user:secret@host/v1", "no name, no key"),
        ("https://host/v1?key=1", "question mark"),
        ("https://YOUR-RESOURCE.openai.azure.com/openai/v1/", "Azure resource"),
        ("https://api.together.xyz/v1", "Together"),
        ("https://api.fireworks.ai/inference/v1", "Fireworks"),
        ("https://api.mistral.ai/v1", "Mistral"),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "DashScope"),
        ("https://api.groq.com/openai/v1", "Groq"),
        ("http://169.254.169.254/latest", "never spoken to"),
        ("http://[fe80::1%25eth0]/v1", "never spoken to"),
        ("http://metadata.google.internal/v1", "never spoken to"),
        ("http://0.0.0.0:80/v1", "never spoken to"),
    ],
)
def test_an_address_that_cannot_work_is_explained(url: str, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        check_base_url(url)


@pytest.mark.parametrize(
    ("address", "denied"),
    [
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fe80::1", True),
        ("100.100.100.200", True),
        ("fd00:ec2::254", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("8.8.8.8", False),
        ("::1", False),
    ],
)
def test_reserved_addresses_are_denied(address: str, denied: bool) -> None:
    assert is_denied(ip_address(address)) is denied


def test_the_local_provider_is_found_by_its_own_note(settings: Settings) -> None:
    with pytest.raises(ProviderError, match="not running"):
        resolve(settings, LOCAL)
    (settings.provider_home / "endpoint.json").write_text(json.dumps({"base_url": "http://127.0.0.1:1/v1", "pid": 1}))
    (settings.provider_home / "key").write_text("sk-local-1")
    endpoint = resolve(settings, LOCAL)
    assert (endpoint.base_url, endpoint.key.reveal()) == ("http://127.0.0.1:1/v1", "sk-local-1")


@pytest.mark.parametrize("note", ["", "{", "[]", "{}", '{"base_url": 3}'])
def test_a_damaged_note_is_a_sentence(settings: Settings, note: str) -> None:
    (settings.provider_home / "endpoint.json").write_text(note)
    with pytest.raises(AppError):
        resolve(settings, LOCAL)


def test_every_kind_has_its_preset_and_openai_its_last_day() -> None:
    assert set(PRESETS) == set(ProviderKind)
    openai = PRESETS[ProviderKind.OPENAI]
    assert openai.days_left(date(2026, 11, 20)) == 47
    assert "6 January 2027" in str(openai.notes[0])
    assert PRESETS[ProviderKind.LOCAL].days_left(date(2026, 11, 20)) is None
