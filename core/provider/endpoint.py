"""From a connection to an address and a key: what may be spoken to, and what deserves an explanation instead."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from core.errors import BadInput, ProviderError
from core.provider.connection import Connection
from core.provider.keys import Key, load_key
from core.settings import Settings
from core.words import T, Text

# Machines in the cloud answer these with their own secrets: nobody trains a model there.
_DENIED = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::254/128",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "0.0.0.0/8",
        "::/128",
        "224.0.0.0/4",
        "ff00::/8",
    )
)

# Part of a host name -> who it is. Their training interfaces are their own, so the address alone is not enough.
_OTHER_PROTOCOLS = {
    "together.xyz": "Together",
    "together.ai": "Together",
    "fireworks.ai": "Fireworks",
    "mistral.ai": "Mistral",
    "dashscope": "DashScope",
    "volces.com": "Volcengine Ark",
    "baidubce.com": "Qianfan",
    "siliconflow": "SiliconFlow",
    "groq.com": "Groq",
    "anthropic.com": "Anthropic",
    "googleapis.com": "Google",
    "cohere.": "Cohere",
    "deepseek.com": "DeepSeek",
}


@dataclass(frozen=True)
class Endpoint:
    """Where to speak to, and with which key."""

    base_url: str
    key: Key


def resolve(settings: Settings, connection: Connection) -> Endpoint:
    """Address and key of a connection, at this moment. Raises ProviderError or BadInput with what to do."""
    if connection.is_local:
        return _local(settings)
    return Endpoint(check_base_url(connection.base_url), load_key(settings, connection.id, connection.key_source))


def _local(settings: Settings) -> Endpoint:
    path = settings.provider_home / "endpoint.json"
    try:
        base_url = str(json.loads(path.read_text(encoding="utf-8"))["base_url"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ProviderError(T("The local provider is not running."), START_LOCAL) from None
    return Endpoint(check_base_url(base_url), load_key(settings, "local", "local"))


START_LOCAL: Text = T("It starts together with the app. Without the app, start it with: python -m core serve")


def check_base_url(url: str) -> str:
    """The address without its last slash. Raises BadInput for what cannot be a compatible provider."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, _port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in url):
        raise BadInput(
            T("“{url}” is no address of a provider.", url=url[:200]),
            T("It begins with https:// (or http:// in your own network) and usually ends in /v1."),
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(
            T("The address of a provider holds no name, no key and no question mark."),
            T("Enter the key in its own field; keep only the part up to /v1."),
        )
    if "your-resource" in host:
        raise BadInput(T("Replace YOUR-RESOURCE in the address by the name of your Azure resource."))
    for part, name in _OTHER_PROTOCOLS.items():
        if part in host:
            raise BadInput(
                T("{name} trains through an interface of its own, which this address cannot give.", name=name),
                T("Export the data and train there, or choose a provider that speaks OpenAI's protocol."),
            )
    if _is_denied_literal(host):
        raise BadInput(T("The address {host} is never spoken to: it is reserved for the machine itself.", host=host))
    return url.rstrip("/")


def is_denied(address: IPv4Address | IPv6Address) -> bool:
    """Whether nothing is ever sent to this address: link-local, cloud metadata, multicast, unspecified."""
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    return any(plain.version == network.version and plain in network for network in _DENIED)


def _is_denied_literal(host: str) -> bool:
    try:
        return is_denied(ip_address(host.split("%")[0]))
    except ValueError:
        return host in ("metadata.google.internal", "metadata")
