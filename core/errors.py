"""The errors that Luopan raises on purpose: each says what happened and what to do about it."""

from __future__ import annotations

from core.words import Text


class AppError(Exception):
    """Something a person can understand and act on: a sentence, and a hint on what to do next."""

    def __init__(self, message: Text | str, hint: Text | str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class NotFound(AppError):
    """The thing asked for does not exist (any more)."""


class BadInput(AppError):
    """A file, a field or a value that cannot be used as it is."""


class ProviderError(AppError):
    """A provider refused, failed, or could not be reached."""


class Cancelled(AppError):
    """A person asked for the work to stop."""
