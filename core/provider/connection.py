"""Connections: which provider is spoken to, under which address, and what is known of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from core.words import T, Text

LOCAL_ID = "local"


class ProviderKind(StrEnum):
    """The dialects that Luopan knows; everything else that speaks the protocol is OTHER."""

    LOCAL = "local"
    OPENAI = "openai"
    AZURE = "azure"
    NEBIUS = "nebius"
    ZHIPU = "zhipu"
    OTHER = "other"


@dataclass(frozen=True)
class Connection:
    """One provider as a person set it up. `key_source` says where its key lies, never what it is.

    key_source: "local" (the local provider's own key), "keyring", "file", "env:NAME", or "" for none.
    refused: what the provider said when it does not let this organisation train ("" while it does).
    """

    id: str
    name: str
    base_url: str = ""
    kind: ProviderKind = ProviderKind.OTHER
    key_source: str = ""
    refused: str = ""

    @property
    def is_local(self) -> bool:
        """Whether this is the provider on this machine."""
        return self.id == LOCAL_ID

    @property
    def shown(self) -> str:
        """Its name as a person reads it."""
        return self.preset.name if self.is_local else self.name

    @property
    def preset(self) -> Preset:
        """What is known of this kind of provider."""
        return PRESETS[self.kind]


LOCAL = Connection(LOCAL_ID, "Local", "", ProviderKind.LOCAL, "local")


@dataclass(frozen=True)
class Preset:
    """What is known of one kind of provider (as of CHECKED_ON): address, abilities, words for the person."""

    kind: ProviderKind
    title: Text | str
    base_url: str
    notes: tuple[Text, ...] = ()
    last_new_job: date | None = None  # from this day on nobody can create a job
    models_end: date | None = None  # on this day the models trained there stop to answer
    method: bool = True  # False: only the older top-level `hyperparameters` are understood
    checkpoints: bool = True
    pause: bool = False
    byte_order_mark: bool = False  # whether files are to begin with one
    suffix_limit: int = 64
    suffix_dots: bool = True
    seed: bool = True
    metadata: bool = True

    @property
    def name(self) -> str:
        """What a person calls it."""
        return str(self.title)

    def days_left(self, today: date) -> int | None:
        """Days until no new job can be created here; None where no end is known."""
        return (self.last_new_job - today).days if self.last_new_job else None


CHECKED_ON = date(2026, 11, 20)

_PRESETS = (
    Preset(
        ProviderKind.LOCAL,
        T("This computer (local provider)"),
        "",
        notes=(T("Trains on this computer. Nothing leaves it, nothing costs money, no key is needed."),),
        pause=True,
    ),
    Preset(
        ProviderKind.OPENAI,
        "OpenAI",
        "https://api.openai.com/v1",
        notes=(
            T(
                "OpenAI ends self-serve fine-tuning. New jobs stop for everybody on 6 January 2027; many "
                "organisations are already refused. Models you train may stop on 14 January 2027."
            ),
            T("You can send the same data to the local provider, Azure, Nebius or another compatible provider."),
        ),
        last_new_job=date(2027, 1, 6),
        models_end=date(2027, 1, 14),
    ),
    Preset(
        ProviderKind.AZURE,
        "Azure OpenAI (Foundry)",
        "https://YOUR-RESOURCE.openai.azure.com/openai/v1/",
        notes=(
            T("Put the name of your resource into the address. New customers should expect only open-weight models."),
            T(
                "After training, deploy the model in the Azure portal before you can ask it. "
                "A deployment costs money by the hour, also while nobody uses it."
            ),
            T("Training ends no earlier than April 2027 for existing customers; deployments end in October 2027."),
        ),
        last_new_job=date(2027, 4, 1),
        models_end=date(2027, 10, 1),
        byte_order_mark=True,
        suffix_limit=18,
        suffix_dots=False,
    ),
    Preset(
        ProviderKind.NEBIUS,
        "Nebius Token Factory",
        "https://api.tokenfactory.nebius.com/v1/",
        notes=(
            T("Here the learning-rate multiplier is the learning rate itself: 0.00002 is usual."),
            T("The curve is drawn from checkpoints, one for each epoch. A trained adapter is published apart."),
        ),
        method=False,
    ),
    Preset(
        ProviderKind.ZHIPU,
        "智谱 Zhipu BigModel",
        "https://open.bigmodel.cn/api/paas/v4",
        notes=(T("Unproven: its fine-tuning has not been seen running with this client. Try a small job first."),),
        method=False,
        checkpoints=False,
    ),
    Preset(
        ProviderKind.OTHER,
        T("Another compatible provider"),
        "",
        notes=(T("Any provider that speaks OpenAI's fine-tuning protocol: give its address (it ends in /v1)."),),
    ),
)
PRESETS: dict[ProviderKind, Preset] = {preset.kind: preset for preset in _PRESETS}
