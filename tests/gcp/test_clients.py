"""Services of Google Cloud as a process has them: each made once, at first use, with the same tokens."""

import threading

import pytest
from portable_gcp.clients import Clients
from portable_gcp.rest import Rest


def test_making_clients_reads_no_environment_and_makes_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDTASKS", "nowhere")
    clients = Clients("shop")
    assert (clients.project, clients._made) == ("shop", {})


def test_each_service_is_where_google_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRESTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name in ("FIRESTORE", "STORAGE", "CLOUDTASKS", "PUBSUB", "SECRETMANAGER", "IAMCREDENTIALS", "LOGGING"):
        monkeypatch.delenv(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}", raising=False)
    clients = Clients("shop")
    services = {
        "firestore": clients.firestore,
        "storage": clients.storage,
        "cloudtasks": clients.tasks,
        "pubsub": clients.pubsub,
        "secretmanager": clients.secrets,
        "iamcredentials": clients.iamcredentials,
        "logging": clients.service("logging"),
    }
    for name, rest in services.items():
        assert rest.endpoint.url == f"https://{name}.googleapis.com"
        assert rest._tokens is clients.tokens
        assert clients.service(name) is rest


def test_threads_that_race_for_a_service_get_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    clients = Clients("shop")
    barrier = threading.Barrier(8)
    found: list[Rest] = []

    def take() -> None:
        barrier.wait()
        found.append(clients.firestore)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
