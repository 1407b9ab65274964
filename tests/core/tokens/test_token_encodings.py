"""The encodings are tiktoken's own, and model names lead to the right one."""

import base64
import hashlib
import re
import threading

import pytest
import tiktoken_ext.openai_public as published
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput
from core.tokens import base_of, encoding, encoding_name_for, encoding_names
from core.tokens.encodings import _ENCODINGS, DATA, load_ranks

CHECKSUMS = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}


@pytest.mark.parametrize(("name", "checksum"), CHECKSUMS.items())
def test_the_rank_data_rebuilds_the_published_file(name: str, checksum: str) -> None:
    ranks = load_ranks(name)
    text = b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())
    assert hashlib.sha256(text).hexdigest() == checksum
    readme = (DATA / "README.md").read_text()
    assert checksum in readme
    assert f"{len(ranks):,}" in readme


@pytest.mark.parametrize("name", encoding_names())
def test_pattern_and_special_tokens_are_tiktokens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "load_tiktoken_bpe", lambda *_args, **_kwargs: {})  # it would download
    theirs = published.ENCODING_CONSTRUCTORS[name]()
    ranks, pattern, special = _ENCODINGS[name]
    assert pattern == theirs["pat_str"]
    assert special == theirs["special_tokens"]
    if "explicit_n_vocab" in theirs:
        assert theirs["explicit_n_vocab"] == len(load_ranks(ranks)) + len(special)


def test_an_encoding_is_built_once_even_when_threads_ask_together() -> None:
    built = []
    threads = [threading.Thread(target=lambda: built.append(encoding("cl100k_base"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, built))) == 1


@pytest.mark.parametrize(
    ("text", "cl100k", "o200k"),
    [("hello world", 2, 2), ("", 0, 0), ("对给定文本进行分类", 7, 6), ("<|endoftext|>", 7, 7)],
)
def test_known_texts_have_known_counts(text: str, cl100k: int, o200k: int) -> None:
    assert len(encoding("cl100k_base").encode_ordinary(text)) == cl100k
    assert len(encoding("o200k_base").encode_ordinary(text)) == o200k


@settings(deadline=None)  # the first call builds an encoding or imports numpy
@given(st.text())
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    encoded = encoding("o200k_base").encode_ordinary(text)
    whole = re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert encoding("o200k_base").decode(encoded) == whole


def test_an_unknown_encoding_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(BadInput, match=r"r50k_base.*o200k_base"):
        encoding("r50k_base")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4.1-mini-2025-04-14", "o200k_base"),
        ("ft:gpt-4.1-mini-2025-04-14:acme:tone:C9x1", "o200k_base"),
        ("ft:gpt-4o-mini-2024-07-18:acme::C9x1", "o200k_base"),
        ("ft:gpt-4-0613:acme::x", "cl100k_base"),
        ("ft:gpt-3.5-turbo-0125:acme::x", "cl100k_base"),
        ("gpt-35-turbo-0613.ft-0e208cf33a6a466994aff31a08aba678", "cl100k_base"),
        ("gpt-4.1-2025-04-14.ft-0e208cf3-tone", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-4o", "o200k_base"),
        ("gpt-5-mini", "o200k_base"),
        ("gpt-6-luna", "o200k_base"),
        ("o4-mini-2025-04-16", "o200k_base"),
        ("openai/gpt-oss-20b", "o200k_harmony"),
        ("babbage-002", "cl100k_base"),
        ("ft:davinci-002:acme::x", "cl100k_base"),
        ("meta-llama/Llama-3.3-70B-Instruct", "o200k_base"),
        ("ft:local-classic-1:local:news:ab12", "o200k_base"),
        ("ft:", "o200k_base"),
        ("", "o200k_base"),
    ],
)
def test_a_model_leads_to_its_encoding_through_its_base(model: str, name: str) -> None:
    assert encoding_name_for(model) == name


@pytest.mark.parametrize(
    ("model", "base"),
    [
        ("ft:gpt-4o-2024-08-06:acme:tone:C9x1", "gpt-4o-2024-08-06"),
        ("ft:gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("gpt-4o-2024-08-06.ft-abc-tone", "gpt-4o-2024-08-06"),
        ("local-classic-1", "local-classic-1"),
    ],
)
def test_the_base_of_a_model(model: str, base: str) -> None:
    assert base_of(model) == base
