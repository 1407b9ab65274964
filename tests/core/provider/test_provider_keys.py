"""Keys: where they lie, and that nobody sees them."""

from __future__ import annotations

import copy
import pickle
import stat
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ProviderError
from core.provider import keys
from core.provider.keys import MASK, Key, forget_key, load_key, redact, save_key
from core.settings import Settings

SECRET = "sk-secret-0123456789"


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_keyring_works", lambda: False)


@pytest.mark.usefixtures("no_keyring")
def test_without_a_keyring_a_key_lies_encrypted_in_private_files(settings: Settings) -> None:
    assert save_key(settings, "there", f" {SECRET}\n") == "file"
    assert load_key(settings, "there", "file").reveal() == SECRET
    files = [path for path in settings.folder("secrets").iterdir() if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert SECRET.encode() not in path.read_bytes()


@pytest.mark.usefixtures("no_keyring")
def test_each_connection_has_its_own_key_and_forgets_it(settings: Settings) -> None:
    save_key(settings, "one", SECRET)
    save_key(settings, "two", "sk-another-987654321")
    assert load_key(settings, "two", "file").reveal() == "sk-another-987654321"
    forget_key(settings, "one")
    with pytest.raises(ProviderError, match="Enter the key again"):
        load_key(settings, "one", "file")
    assert load_key(settings, "two", "file").reveal() == "sk-another-987654321"


@pytest.mark.usefixtures("no_keyring")
def test_a_damaged_secret_is_a_sentence(settings: Settings) -> None:
    save_key(settings, "one", SECRET)
    for path in settings.folder("secrets").glob("*.secret"):
        path.write_bytes(b"rubbish")
    with pytest.raises(ProviderError, match="cannot be read"):
        load_key(settings, "one", "file")


def test_a_key_may_stay_in_an_environment_variable(settings: Settings) -> None:
    with_key = replace(settings, environment={"MY_KEY": SECRET})
    assert load_key(with_key, "x", "env:MY_KEY").reveal() == SECRET
    with pytest.raises(ProviderError, match="OTHER_KEY holds no key"):
        load_key(with_key, "x", "env:OTHER_KEY")


def test_the_local_provider_has_its_own_key(settings: Settings) -> None:
    assert not load_key(settings, "local", "local")
    (settings.provider_home / "key").write_text("sk-local-abc\n", encoding="utf-8")
    assert load_key(settings, "local", "local").reveal() == "sk-local-abc"


def test_a_key_shows_only_its_end() -> None:
    key = Key(SECRET)
    assert f"{key} {key!r} {key!s:>10}" == f"{MASK}6789 {MASK}6789 {f'{MASK}6789':>10}"
    assert repr(Key("short")) == MASK
    assert SECRET not in str(vars(key).keys())


def test_a_key_is_never_pickled_or_copied() -> None:
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            act(Key(SECRET))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"wrong key {SECRET}!", f"wrong key {MASK}!"),
        ("Incorrect API key: sk-proj-Ab12****yZ99.", f"Incorrect API key: {MASK}"),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {MASK}"),
        ("a task-oriented text keeps its words", "a task-oriented text keeps its words"),
    ],
)
def test_whatever_looks_like_a_key_is_masked(text: str, expected: str) -> None:
    assert redact(text, SECRET) == expected


@given(st.text(), st.text(min_size=4), st.text())
def test_a_secret_never_survives_redaction(before: str, secret: str, after: str) -> None:
    if secret not in MASK * 2:
        assert secret not in redact(f"{before}\n{secret}\n{after}", secret).replace(MASK, "\n")
