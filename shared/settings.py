"""The settings of every service, read from its environment and checked before anything starts.

Names begin with `MERIDIAN_`. A name that no service knows is refused, because a misspelt option
that is silently ignored is found out in the middle of a failover.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from shared.crypto.keyring import check_psk
from shared.domain.errors import BadSettings
from shared.domain.ids import NodeId, parse_node_id
from shared.domain.source import Networks

PREFIX: Final = "MERIDIAN_"


class TimingPreset(StrEnum):
    """The patience of a cluster: one machine, one region, or several continents."""

    LOCAL = "local"
    LAN = "lan"
    WAN = "wan"


KNOWN: Final = frozenset(
    PREFIX + name
    for name in (
        "NODE",
        "STATE_DIR",
        "PSK",
        "PSK_FILE",
        "PSK_PREVIOUS_FILE",
        "NATS_SERVERS",
        "NATS_USER",
        "NATS_PASSWORD_FILE",
        "NATS_REPLICAS",
        "METRICS_HOST",
        "METRICS_PORT",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "TIMING",
        "DATABASE_URL",
        "DATABASE_PASSWORD_FILE",
        "SNAPSHOT_AFTER",
        "WITNESS",
        "NATS_SYSTEM_USER",
        "NATS_SYSTEM_PASSWORD_FILE",
        "REDIRECTION_COMMAND",
        "REDIRECTION_WEBHOOK_KEY_FILE",
        "REDIRECTION_DNS_KEY_FILE",
        "RELAY_HOST",
        "RELAY_PORT",
        "GATEWAY_HOST",
        "GATEWAY_PORT",
        "GATEWAY_URL",
        "GATEWAY_CONNECTIONS",
        "GATEWAY_CONNECTIONS_PER_SOURCE",
        "PROXY_PROTOCOL_FROM",
        "TRUSTED_PROXIES",
        "GEO_DATABASE_FILE",
        "HOME",
        "SITE",
        "CA_FILE",
        "PASSWORD_FILE",
        "ADMIN_PASSWORD_FILE",
    )
)
"""Every variable that some service or command knows; a test compares it with their settings."""


def _split_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _parse_networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    return Networks.parse(part for part in value.split(",") if part.strip())


NetworkList = Annotated[Networks, NoDecode, BeforeValidator(_parse_networks)]
"""Networks in a variable, separated by commas: `10.0.0.0/8,2001:db8::/32`."""


HostList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list), Field(min_length=1)]
"""Addresses in a variable, separated by commas: `192.0.2.1,2001:db8::1`."""


class ServiceSettings(BaseSettings):
    """The settings of every service: its identity, its cluster's key, and where NATS is."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    node: Annotated[NodeId, AfterValidator(parse_node_id)]
    state_dir: Path
    psk: SecretStr | None = None
    psk_file: Path | None = None
    psk_previous_file: Path | None = None
    nats_servers: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_split_list), Field(min_length=1)
    ]
    nats_user: str = ""
    nats_password_file: Path | None = None
    nats_replicas: int = Field(default=3, ge=1, le=5)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65_535)
    log_format: str = Field(default="auto", pattern="^(auto|json|human)$")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    timing: TimingPreset = TimingPreset.LAN

    @classmethod
    def read(cls) -> Self:
        """The settings in the environment, as it is now.

        Raises:
            BadSettings: a variable is unknown, missing or wrong; the message is one sentence.
        """
        require_known(os.environ)
        try:
            return cls.model_validate({})
        except ValidationError as error:
            raise BadSettings(_sentence(error)) from error
        except SettingsError as error:
            raise BadSettings(str(error)) from error

    def pre_shared_key(self) -> str:
        """The cluster's key, from the variable or its file.

        Raises:
            BadSettings: there is none, or it keeps nobody out.
        """
        if self.psk is not None:
            return check_psk(self.psk.get_secret_value().strip())
        if self.psk_file is None:
            raise BadSettings(f"there is no pre-shared key: set {PREFIX}PSK_FILE")
        return check_psk(read_secret(self.psk_file, "PSK_FILE"))

    def previous_key(self) -> str | None:
        """The key before a rotation, if one is going on.

        Raises:
            BadSettings: it keeps nobody out, so it must not be listened to.
        """
        path = self.psk_previous_file
        return None if path is None else check_psk(read_secret(path, "PSK_PREVIOUS_FILE"))

    def nats_password(self) -> str:
        path = self.nats_password_file
        return "" if path is None else read_secret(path, "NATS_PASSWORD_FILE")


def database_address(url: SecretStr, password_file: Path | None) -> str:
    """Return the database's address; with a file's password if there is one, so *url* needs none.

    Raises:
        BadSettings: the file cannot be read, or *url* has no place for its password.
    """
    address = url.get_secret_value()
    if password_file is None:
        return address
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    if not at or ":" in user:
        raise BadSettings(
            f"{PREFIX}DATABASE_URL must name a user and no password: "
            f"{PREFIX}DATABASE_PASSWORD_FILE holds it"
        )
    password = quote(read_secret(password_file, "DATABASE_PASSWORD_FILE"), safe="")
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))


def read_secret(path: Path, name: str) -> str:
    """The secret in a file, without the line's end.

    Raises:
        BadSettings: the file cannot be read.
    """
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{PREFIX}{name}: {path} cannot be read: {error}") from error


def require_known(environment: Mapping[str, str]) -> None:
    """Refuse names that begin like ours and are not.

    Raises:
        BadSettings: there is one; the message names the nearest known one.
    """
    for name in sorted(environment):
        upper = name.upper()  # settings are read in either case
        if upper.startswith(PREFIX) and upper not in KNOWN:
            near = get_close_matches(upper, sorted(KNOWN), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise BadSettings(f"unknown variable {name}{hint}")


def _sentence(error: ValidationError) -> str:
    problems: list[Any] = error.errors(include_url=False, include_context=False)
    return "; ".join(_clause(problem) for problem in problems)


def _clause(problem: Mapping[str, Any]) -> str:
    problem_text = "is missing" if problem["type"] == "missing" else problem["msg"]
    problem_text = problem_text.removeprefix("Value error, ")
    if not problem["loc"]:
        return str(problem_text)
    return f"{PREFIX}{'__'.join(str(each) for each in problem['loc']).upper()}: {problem_text}"
