"""Where things are kept: read from the environment, private to this user, never surprising."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from core.errors import BadInput
from core.settings import VARIABLES, Settings


def test_without_any_variable_there_are_sensible_defaults() -> None:
    settings = Settings.from_env({})
    assert settings.home == (Path.home() / ".luopan").resolve()
    assert settings.database_url == f"sqlite:///{settings.home / 'luopan.db'}"
    assert settings.provider_port == 8790 and settings.autostart and settings.user


def test_every_variable_has_its_say(tmp_path: Path) -> None:
    settings = Settings.from_env(
        {
            "LUOPAN_HOME": str(tmp_path / "there" / ".." / "here"),
            "LUOPAN_DATABASE_URL": "postgresql+psycopg://db/luopan",
            "LUOPAN_PROVIDER_PORT": "0",
            "LUOPAN_USER": "Ada",
            "LUOPAN_AUTOSTART": "0",
        }
    )
    assert settings.home == tmp_path / "here"
    assert (settings.database_url, settings.tasks_url) == ("postgresql+psycopg://db/luopan",) * 2
    assert (settings.provider_port, settings.user, settings.autostart) == (0, "Ada", False)


@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_variable_means_the_default(name: str) -> None:
    empty, default = Settings.from_env({name: "  "}), Settings.from_env({})
    assert {**vars(empty), "environment": {}} == {**vars(default), "environment": {}}


@pytest.mark.parametrize("seen", ["eighty", "-1", "65536", "8790.5", "²"])
def test_a_port_that_is_none_is_named(seen: str) -> None:
    with pytest.raises(BadInput) as refused:
        Settings.from_env({"LUOPAN_PROVIDER_PORT": seen})
    assert "LUOPAN_PROVIDER_PORT" in str(refused.value) and seen in str(refused.value)


def test_the_process_environment_is_read_where_no_mapping_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUOPAN_USER", "Grace")
    assert Settings.from_env().user == "Grace"


def test_folders_are_made_when_asked_for_and_are_private(tmp_path: Path) -> None:
    settings = Settings.from_env({"LUOPAN_HOME": str(tmp_path / "home")})
    assert not settings.home.exists()
    folder = settings.folder("a", "b")
    assert folder == settings.home / "a" / "b" and folder.is_dir() and settings.folder("a", "b") == folder
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    assert settings.tasks_url == f"sqlite:///{settings.home / 'tasks.db'}"
    assert settings.provider_home == settings.home / "provider"


def test_keys_in_the_environment_do_not_show_in_logs() -> None:
    assert "sk-secret" not in repr(Settings.from_env({"OPENAI_API_KEY": "sk-secret"}))
