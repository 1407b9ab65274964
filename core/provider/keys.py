"""Keys of providers: where they lie, how they are masked, how they are kept out of every sentence.

A key is put into the system's keyring where one really works, else into a file encrypted with a key file of its
own (both 0600, outside the database). A key that lies in an environment variable stays there: only the name of the
variable is remembered.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import uuid
from functools import cache
from pathlib import Path

from core.errors import ProviderError
from core.settings import Settings
from core.words import T

_SERVICE = "luopan"
_LOOKS_LIKE_A_KEY = re.compile(r"\b(sk|pk|nb|v1)-[A-Za-z0-9_\-*.]{6,}|(?<=[Bb]earer )[A-Za-z0-9_\-*.=/+]{6,}")
MASK = "••••"


class Key:
    """A secret that shows only its last characters. `reveal()` is called by the transport alone."""

    def __init__(self, secret: str = "") -> None:
        self.__secret = secret.strip()

    def reveal(self) -> str:
        return self.__secret

    def __bool__(self) -> bool:
        return bool(self.__secret)

    def __repr__(self) -> str:
        return MASK + (self.__secret[-4:] if len(self.__secret) >= 16 else "")

    __str__ = __repr__

    def __getstate__(self) -> object:
        raise TypeError("a key is never pickled")

    def redact(self, text: str) -> str:
        """The text without this key, and without anything else that looks like one."""
        return redact(text, self.__secret)


def redact(text: str, *secrets: str) -> str:
    """The text with these secrets, and with whatever looks like a key, replaced by a mask."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, MASK)
    return _LOOKS_LIKE_A_KEY.sub(MASK, text)


def save_key(settings: Settings, connection_id: str, secret: str) -> str:
    """Keep a secret for a connection; returns its key_source: "keyring" or "file"."""
    if _keyring_works():
        import keyring

        keyring.set_password(_SERVICE, connection_id, secret.strip())
        return "keyring"
    path = _secret_file(settings, connection_id)
    _write_private(path, _vault(settings).encrypt(secret.strip().encode()))
    return "file"


def load_key(settings: Settings, connection_id: str, source: str) -> Key:
    """The key of a connection. Raises ProviderError with what to do where it cannot be found."""
    hint = T("Enter the key again in Settings, Connections.")
    if source == "":
        return Key()
    if source == "local":
        return Key(_read(settings.provider_home / "key"))
    if source.startswith("env:"):
        name = source.removeprefix("env:")
        secret = settings.environment.get(name, "")
        if not secret.strip():
            raise ProviderError(
                T("The environment variable {name} holds no key.", name=name),
                T("Set it before Luopan is started, or enter the key in Settings, Connections."),
            )
        return Key(secret)
    if source == "keyring":
        return Key(_from_keyring(connection_id, hint))
    return Key(_from_file(settings, connection_id, hint))


def forget_key(settings: Settings, connection_id: str) -> None:
    """Remove what save_key kept for a connection."""
    _secret_file(settings, connection_id).unlink(missing_ok=True)
    if _keyring_works():
        import keyring
        import keyring.errors

        try:
            keyring.delete_password(_SERVICE, connection_id)
        except keyring.errors.KeyringError:
            return  # there was none


def _from_keyring(connection_id: str, hint: T) -> str:
    import keyring
    import keyring.errors

    try:
        secret = keyring.get_password(_SERVICE, connection_id)
    except keyring.errors.KeyringError:
        secret = None
    if not secret:
        raise ProviderError(T("The system's keyring does not give out the key of this connection."), hint)
    return str(secret)


def _from_file(settings: Settings, connection_id: str, hint: T) -> str:
    from cryptography.fernet import InvalidToken

    path = _secret_file(settings, connection_id)
    try:
        return bytes(_vault(settings).decrypt(path.read_bytes())).decode()
    except (OSError, InvalidToken, ValueError):
        raise ProviderError(T("The key of this connection cannot be read."), hint) from None


def _secret_file(settings: Settings, connection_id: str) -> Path:
    name = hashlib.blake2b(connection_id.encode(), digest_size=12).hexdigest()
    return settings.folder("secrets") / f"{name}.secret"


def _vault(settings: Settings):  # type: ignore[no-untyped-def]  # Fernet is imported only when it is used
    from cryptography.fernet import Fernet

    path = settings.folder("secrets") / "vault.key"
    if not path.exists():
        _write_private(path, Fernet.generate_key(), keep_first=True)
    return Fernet(path.read_bytes())


def _write_private(path: Path, content: bytes, *, keep_first: bool = False) -> None:
    """Write a file that only its owner can read, whole or not at all; keep_first: the first writer wins."""
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    if keep_first:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    else:
        draft.replace(path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@cache
def _keyring_works() -> bool:
    """Whether the system's keyring keeps a word and gives it back (many servers have one that only pretends)."""
    try:
        import keyring

        backend = keyring.get_keyring()
        if type(backend).__module__.startswith(("keyring.backends.fail", "keyring.backends.null")):
            return False
        probe = uuid.uuid4().hex
        keyring.set_password(_SERVICE, f"probe-{probe}", probe)
        kept = keyring.get_password(_SERVICE, f"probe-{probe}") == probe
        keyring.delete_password(_SERVICE, f"probe-{probe}")
        return kept
    except Exception:  # any backend may raise anything of its own; a file is always there
        return False
