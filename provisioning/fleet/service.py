"""The composition root of the service: everything over one folder, built by keyword."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import msgspec
from flask import Flask
from msgspec import Struct

from appliance.errors import BadInput
from provisioning.fleet.api import Api, add_errors
from provisioning.fleet.authority import Authority
from provisioning.fleet.documents import Documents, SigningKeys
from provisioning.fleet.enrolment import Enrolments
from provisioning.fleet.registry import Registry
from provisioning.fleet.repository import Repository
from provisioning.fleet.rollouts import Rollouts
from provisioning.fleet.staff import People
from provisioning.fleet.store import Store
from provisioning.protocol.identity import keep
from provisioning.protocol.messages import Trust

SESSION_HOURS = 8
"""After that a person of the vendor logs in anew, whatever is being done."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """What `bucky-fleet init` wrote into fleet.json."""

    url: str
    """Where boxes reach the service, e.g. https://fleet.example."""
    database: str = ""
    """An SQLAlchemy URL, e.g. postgresql+pg8000://...; empty for SQLite in the folder."""
    proxies: list[str] = []
    """Addresses of the web servers whose client-certificate headers are believed."""


@dataclass
class Fleet:
    """The service over one folder."""

    folder: Path

    def create(self, config: Config, *, hosts: list[str], offline: Path) -> None:
        """Make authority, keys and configuration, once; raises BadInput for a folder that is in use."""
        path = self.folder / "fleet.json"
        if path.exists():
            raise BadInput(field="Folder", reason="a service was made here already")
        self.authority.create("Bucky fleet", hosts)
        self.signing.create(offline)
        keep(self.folder / "keys" / "session-key", secrets.token_bytes(32))
        keep(path, msgspec.json.format(msgspec.json.encode(config)))
        self.store.migrate()

    @cached_property
    def config(self) -> Config:
        """The configuration; raises BadInput where there is none."""
        try:
            return msgspec.json.decode((self.folder / "fleet.json").read_bytes(), type=Config)
        except FileNotFoundError:
            raise BadInput(field="Folder", reason="there is no service here; run bucky-fleet init") from None
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise BadInput(field="fleet.json", reason=error) from None

    @cached_property
    def store(self) -> Store:
        """The database."""
        return Store(self.config.database or f"sqlite:///{self.folder / 'fleet.sqlite'}")

    @cached_property
    def authority(self) -> Authority:
        """The certificate authority."""
        return Authority(self.folder / "keys")

    @cached_property
    def signing(self) -> SigningKeys:
        """The keys of documents."""
        return SigningKeys(self.folder / "keys")

    @cached_property
    def registry(self) -> Registry:
        """The boxes."""
        return Registry(self.store)

    @cached_property
    def enrolments(self) -> Enrolments:
        """Certificates for boxes."""
        return Enrolments(self.store, self.authority)

    @cached_property
    def documents(self) -> Documents:
        """Settings, commands and orders."""
        return Documents(self.store, self.signing.signer())

    @cached_property
    def rollouts(self) -> Rollouts:
        """Releases on their way."""
        return Rollouts(self.store, self.documents)

    @cached_property
    def repository(self) -> Repository:
        """The releases."""
        return Repository(self.folder / "releases", self.folder / "keys")

    @cached_property
    def people(self) -> People:
        """The vendor's people."""
        return People(self.store)

    def trust(self, serial: str) -> Trust:
        """What a box is given at manufacture."""
        return Trust(
            serial=serial,
            url=self.config.url,
            authority=self.authority.certificate_file.read_text(),
            keys=self.signing.public().as_facts(),
            root=self.repository.first_root,
        )

    def app(self) -> Flask:
        """The addresses for boxes, and the console."""
        from provisioning.fleet import console

        app = Flask(__name__)
        app.config.update(
            SECRET_KEY=(self.folder / "keys" / "session-key").read_bytes(),
            SESSION_COOKIE_NAME="__Host-fleet",
            SESSION_COOKIE_SECURE=True,
            SESSION_COOKIE_SAMESITE="Strict",
            SESSION_COOKIE_HTTPONLY=True,
            PERMANENT_SESSION_LIFETIME=timedelta(hours=SESSION_HOURS),
            SESSION_REFRESH_EACH_REQUEST=False,
        )
        api = Api(
            store=self.store,
            registry=self.registry,
            enrolments=self.enrolments,
            documents=self.documents,
            rollouts=self.rollouts,
            releases=self.folder / "releases",
            proxies=frozenset(self.config.proxies),
        )
        app.register_blueprint(api.blueprint())
        console.add(app, self)
        add_errors(app)
        return app
