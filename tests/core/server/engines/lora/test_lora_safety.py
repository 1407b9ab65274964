"""Hostile model folders, and what is said of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.server.engines.lora.safety import UnsafeModel, check_folder
from core.server.engines.lora.weights import read_header
from tests.modelfolder import TEMPLATE, TINY, header, model_folder, shapes_of, write_weights

Spoil = Callable[[Path], Any]


def config(**more: Any) -> Spoil:
    return lambda folder: (folder / "config.json").write_text(json.dumps({**TINY, **more}))


def words(**more: Any) -> Spoil:
    return lambda folder: (folder / "tokenizer_config.json").write_text(json.dumps(more))


def write(name: str, text: str | bytes = b"x") -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)

    return spoil


def weights(change: Callable[[dict[str, Any], int], tuple[Any, int]]) -> Spoil:
    return lambda folder: write_weights(folder / "model.safetensors", *change(*header(shapes_of(TINY))))


def instead(*names: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        for name in names:
            (folder / name).write_bytes(b"\x80\x04.")

    return spoil


def index(told: Any) -> Spoil:
    return write("model.safetensors.index.json", json.dumps(told))


def link(name: str, target: str) -> Spoil:
    return lambda folder: (folder / name).symlink_to(target)


def shifted(told: dict[str, Any], size: int) -> tuple[Any, int]:
    """The second tensor begins within the first."""
    first, second = [name for name in told if name != "__metadata__"][:2]
    length = told[second]["data_offsets"][1] - told[second]["data_offsets"][0]
    told[second]["data_offsets"] = [told[first]["data_offsets"][1] - length, told[first]["data_offsets"][1]]
    return told, size


def grown(told: dict[str, Any], size: int) -> tuple[Any, int]:
    told["model.norm.weight"]["shape"] = [1 << 40]
    return told, size


def odd_kind(told: dict[str, Any], size: int) -> tuple[Any, int]:
    told["model.norm.weight"]["dtype"] = "OBJECT"
    return told, size


def twice(told: dict[str, Any], size: int) -> tuple[Any, int]:
    text = json.dumps(told)
    return (text[:-1] + ', "model.norm.weight"' + text.split('"model.norm.weight"')[1]).encode(), size


HOSTILE: dict[str, tuple[Spoil, str]] = {
    "pickle": (instead("pytorch_model.bin"), "a pickle is a program"),
    "pickle named otherwise": (instead("model.ckpt", "other.safetensors"), "a pickle is a program"),
    "no weights": (instead(), "holds no model.safetensors"),
    "gguf": (instead("model.gguf"), "GGUF"),
    "code of its own": (config(auto_map={"AutoModelForCausalLM": "evil.Model"}), "auto_map"),
    "code far within": (config(text_config={"sub": [{"auto_map": {"AutoConfig": "evil.C"}}]}), "auto_map"),
    "code in the tokenizer": (words(auto_map={"AutoTokenizer": ["evil.T", None]}), "auto_map"),
    "code in the generation": (write("generation_config.json", '{"custom_generate": "a/b"}'), "custom_generate"),
    "kernel from elsewhere": (config(_attn_implementation="someone/kernel"), "_attn_implementation"),
    "adapter": (write("adapter_config.json", '{"base_model_name_or_path": "../x"}'), "an adapter"),
    "no settings": (lambda folder: (folder / "config.json").unlink(), "holds no config.json"),
    "settings that are none": (write("config.json", "[1]"), "no JSON object"),
    "settings of endless depth": (write("config.json", '{"a":' * 90_000), "cannot be read"),
    "broken settings": (write("config.json", b"\xff\xfe"), "cannot be read"),
    "large settings": (write("special_tokens_map.json", b'{"a": "' + b"a" * (5 << 20) + b'"}'), "which no model needs"),
    "link outside": (link("tokenizer.json", "/etc/hosts"), "outside the model folder"),
    "link upwards": (link("more", ".."), "outside the model folder"),
    "link to nowhere": (link("tokenizer.json", "/none/such"), "link to nowhere"),
    "link to itself": (link("loop", "loop"), "link to nowhere"),
    "pipe": (lambda folder: os.mkfifo(folder / "tokenizer.json"), "no ordinary file"),
    "index leads outside": (index({"weight_map": {"a": "../other/model.safetensors"}}), "outside the folder"),
    "index names a pickle": (index({"weight_map": {"a": "pytorch_model.bin"}}), "outside the folder"),
    "index names what is not there": (index({"weight_map": {"a": "b.safetensors"}}), "which is not there"),
    "index looks in vain": (index({"weight_map": {"a": "model.safetensors"}}), "does not hold it"),
    "index without a map": (index({"weight_map": []}), "does not say"),
    "beyond the end": (weights(lambda told, size: (told, size - 64)), "beyond its end"),
    "more than is told": (weights(lambda told, size: (told, size + 1)), "beyond its end"),
    "overlapping": (weights(shifted), "overlap"),
    "larger than its place": (weights(grown), "not as large as it says"),
    "objects": (weights(odd_kind), "not as large as it says"),
    "the same name twice": (weights(twice), "stands there twice"),
    "header that is a list": (weights(lambda told, size: (b"[]", 0)), "no JSON object"),
    "header longer than the file": (write("model.safetensors", (1 << 40).to_bytes(8, "little")), "longer than may be"),
    "header missing": (write("model.safetensors", b"ab"), "longer than may be"),
    "endless template": (
        words(chat_template="{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
        "takes too long",
    ),
    "huge template output": (
        words(chat_template="{% for a in range(9999) %}{{ 'x' * 100000 }}{% endfor %}"),
        "takes too long",
    ),
    "template that reaches inside": (
        words(chat_template="{{ ''.__class__.__mro__[1].__subclasses__() }}"),
        "chat template",
    ),
    "template in a file of its own": (write("chat_template.jinja", "{% while %}"), "cannot be read"),
    "second template": (
        words(chat_template=[{"name": "default", "template": TEMPLATE}, {"name": "rag", "template": "{{ 9**9**9 }}"}]),
        "chat template",
    ),
    "template beside": (write("additional_chat_templates/x.jinja", "{{ 1/0 }}"), "chat template"),
    "long template": (words(chat_template="x" * 300_000), "too long"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    spoil, said = HOSTILE[name]
    spoil(model_folder(tmp_path / "model"))
    begin = time.monotonic()
    with pytest.raises(UnsafeModel) as refused:
        check_folder(tmp_path / "model")
    assert said in str(refused.value) and len(str(refused.value)) < 400
    assert time.monotonic() - begin < 10


def test_a_plain_folder_is_opened(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    for name in ("training_args.bin", "modeling_own.py", "LICENSE", "original/params.json"):
        write(name)(folder)  # none of them is opened
    check_folder(folder)


def test_a_folder_without_a_template_is_opened(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    (folder / "tokenizer_config.json").write_text("{}")
    check_folder(folder)


def test_a_template_may_use_the_tokens_of_its_tokenizer(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    words(bos_token={"content": "<s>"}, chat_template="{{ bos_token + messages[0].content }}")(folder)
    check_folder(folder)


def test_weights_in_several_files_are_opened(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    shapes = list(shapes_of(TINY).items())
    (folder / "model.safetensors").unlink()
    told = {}
    for number, part in enumerate((shapes[:5], shapes[5:])):
        name = f"model-{number}.safetensors"
        write_weights(folder / name, *header(dict(part)))
        told |= {tensor: name for tensor, _shape in part}
    index({"weight_map": told})(folder)
    check_folder(folder)


def test_a_snapshot_in_the_hubs_cache_may_link_to_its_own_blobs(tmp_path: Path) -> None:
    cache = tmp_path / "models--own--tiny"
    blobs = model_folder(cache / "blobs")
    snapshot = cache / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    check_folder(snapshot)
    (snapshot / "more.json").symlink_to(tmp_path)
    with pytest.raises(UnsafeModel):
        check_folder(snapshot)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeModel, match="no model folder"):
        check_folder(tmp_path / "none")


def test_a_million_files_are_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.server.engines.lora.safety.ENTRIES", 20)
    folder = model_folder(tmp_path / "model")
    for number in range(30):
        write(f"{number}.txt")(folder)
    with pytest.raises(UnsafeModel, match="more than 20 files"):
        check_folder(folder)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), length=st.integers(0, 300))
def test_no_bytes_break_the_reader_of_headers(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + data)
    try:
        read_header(path)
    except UnsafeModel as error:
        assert "any.safetensors" in str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(
    value=st.dictionaries(
        st.text(max_size=4),
        st.fixed_dictionaries({"shape": JSON, "dtype": JSON | st.just("F32"), "data_offsets": JSON}) | JSON,
        max_size=3,
    )
)
def test_no_header_breaks_its_reader(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    write_weights(path, value, 0)
    try:
        read_header(path)
    except UnsafeModel as error:
        assert "any.safetensors" in str(error)
