"""Ways to prove to a MongoDB who one is, against a server that lets nobody else in."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import trustme
from cryptography.x509 import load_pem_x509_certificate
from pymongo import MongoClient

from orion_like.errors import DatabaseError
from orion_like.storage.database import MongoDB
from orion_like.testing.mongod import Mongod

pytestmark = pytest.mark.mongodb

PASSWORD = "rose/bud:1@%+?"  # with all that has a meaning in a URI
MECHANISMS = "authenticationMechanisms=SCRAM-SHA-1,SCRAM-SHA-256,MONGODB-X509"


@dataclass(frozen=True)
class Place:
    """A server with access control, and the files that TLS needs."""

    port: int
    authority: Path
    certificate: Path  # of a user, with its key
    subject: str  # his name in the certificate
    foreign_authority: Path

    def uri(self, user: str = "", path: str = "lab", **options: Any) -> str:
        words = "&".join(f"{key}={value}" for key, value in options.items())
        return f"mongodb://{user}localhost:{self.port}/{path}?{words}"

    @property
    def tls(self) -> dict[str, Any]:
        return {"tls": "true", "tlsCAFile": self.authority}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("certificates")
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(directory / "authority.pem")
    stranger.cert_pem.write_to_path(directory / "stranger.pem")
    server = authority.issue_cert("localhost", "127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(directory / "server.pem")
    user = authority.issue_cert("ann@lab.example", common_name="ann")
    user.private_key_and_cert_chain_pem.write_to_path(directory / "ann.pem")
    subject = load_pem_x509_certificate(user.cert_chain_pems[0].bytes()).subject.rfc4514_string()
    options = [
        "--auth", "--setParameter", MECHANISMS, "--tlsMode", "preferTLS",
        "--tlsCertificateKeyFile", str(directory / "server.pem"),
        "--tlsCAFile", str(directory / "authority.pem"),
        "--tlsAllowConnectionsWithoutCertificates",
    ]  # fmt: skip
    with Mongod(replica_set=None, options=options) as mongod:
        _add_users(mongod.uri, subject)
        yield Place(
            mongod.port,
            directory / "authority.pem",
            directory / "ann.pem",
            subject,
            directory / "stranger.pem",
        )


def _add_users(uri: str, subject: str) -> None:
    with MongoClient[dict[str, Any]](uri) as client:  # the first user needs no other
        client.admin.command("createUser", "boss", pwd="b", roles=["root"])
    with MongoClient[dict[str, Any]](uri, username="boss", password="b") as client:
        access = [{"role": "readWrite", "db": "lab"}]
        client.lab.command("createUser", "ann", pwd=PASSWORD, roles=access)
        client.admin.command("createUser", "bob", pwd=PASSWORD, roles=access)
        client["$external"].command("createUser", subject, roles=access)


def works(database: MongoDB) -> bool:
    with database:
        identity = database.insert("things", {"x": 1})
        return database.find("things", {"_id": identity}) == [{"_id": identity, "x": 1}]


class TestPasswords:
    def test_in_the_uri(self, place: Place) -> None:
        assert works(MongoDB(place.uri(f"ann:{quote_plus(PASSWORD)}@")))

    def test_apart_from_the_host_as_in_oríon(self, place: Place) -> None:
        assert works(MongoDB("localhost", "lab", place.port, username="ann", password=PASSWORD))

    def test_apart_from_the_uri(self, place: Place) -> None:
        assert works(MongoDB(place.uri(), username="ann", password=PASSWORD))

    def test_only_the_password_apart_from_the_uri(self, place: Place) -> None:
        assert works(MongoDB(place.uri("ann@"), password=PASSWORD))

    @pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
    def test_with_a_mechanism_of_choice(self, place: Place, mechanism: str) -> None:
        user = f"ann:{quote_plus(PASSWORD)}@"

        assert works(MongoDB(place.uri(user, authMechanism=mechanism)))

    def test_of_a_user_of_another_database(self, place: Place) -> None:
        credentials = {"username": "bob", "password": PASSWORD}

        assert works(MongoDB(place.uri(authSource="admin"), **credentials))
        assert works(MongoDB(place.uri(), authSource="admin", **credentials))
        with pytest.raises(DatabaseError, match="authSource"):
            works(MongoDB(place.uri(), **credentials))

    def test_survive_being_sent_to_another_process(self, place: Place) -> None:
        database = MongoDB(place.uri(), username="ann", password=PASSWORD)

        assert works(pickle.loads(pickle.dumps(database)))

    def test_without_a_user_are_an_error(self, place: Place) -> None:
        with pytest.raises(DatabaseError, match="no user name") as refused:
            MongoDB(place.uri(), password=PASSWORD)

        assert PASSWORD not in str(refused.value)


class TestTLS:
    def test_the_server_is_checked_against_the_authority(self, place: Place) -> None:
        user = f"ann:{quote_plus(PASSWORD)}@"
        distrusted = {"tls": "true", "tlsCAFile": place.foreign_authority}

        assert works(MongoDB(place.uri(user, **place.tls)))
        with pytest.raises(DatabaseError, match="certificate verify failed") as refused:
            works(MongoDB(place.uri(user, **distrusted), timeout=1))

        assert quote_plus(PASSWORD) not in str(refused.value)

    def test_options_may_be_given_apart(self, place: Place) -> None:
        options = {"tls": True, "tlsCAFile": str(place.authority)}

        assert works(
            MongoDB("localhost", "lab", place.port, username="ann", password=PASSWORD, **options)
        )

    def test_a_missing_file_is_a_clear_error(self, place: Place) -> None:
        options = {**place.tls, "tlsCAFile": "nowhere.pem"}

        with pytest.raises(DatabaseError, match=r"nowhere\.pem|No such file"):
            works(MongoDB(place.uri(**options)))


class TestCertificates:
    @pytest.fixture
    def options(self, place: Place) -> dict[str, Any]:
        certificate = {"tlsCertificateKeyFile": place.certificate}
        return {**place.tls, **certificate, "authMechanism": "MONGODB-X509"}

    def test_a_certificate_is_enough(self, place: Place, options: dict[str, Any]) -> None:
        assert works(MongoDB(place.uri(**options)))

    def test_the_name_in_it_may_be_given_too(self, place: Place, options: dict[str, Any]) -> None:
        assert works(MongoDB(place.uri(**options), username=place.subject))
        assert works(MongoDB(place.uri(f"{quote_plus(place.subject)}@", **options)))

    def test_who_shows_none_is_refused(self, place: Place, options: dict[str, Any]) -> None:
        del options["tlsCertificateKeyFile"]

        with pytest.raises(DatabaseError):
            works(MongoDB(place.uri(**options)))


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://ann:{}@localhost:{}/lab",
        "mongodb://ann:{}@localhost:{}/lab?nonsense=1&tls=maybe",
        "mongodb://ann:{}@localhost:{}/lab?authMechanism=MONGODB-X509",
        "mongodb://ann:{}@localhost:{}/lab?authMechanism=NONE",
        "mongodb://ann:{}@nowhere.invalid,localhost:{}/lab?replicaSet=other",
        "mongodb://:{}@localhost:{}/lab",
    ],
)
@pytest.mark.parametrize(
    "password", ["sesame", "ses:ame", "s/esame", "ses@me", "se?same", "%zsesame"]
)
@pytest.mark.filterwarnings("ignore::UserWarning:pymongo")
def test_no_error_tells_a_wrong_password(place: Place, uri: str, password: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        works(MongoDB(uri.format(password, place.port), timeout=0.2))

    told: BaseException | None = refused.value
    while told is not None:
        assert not any(part in str(told) for part in (password, "esame", "ses")), str(told)
        told = told.__cause__
