"""Google's clients leave no connection open behind those who had them."""

import gc
import socket

from tests.gcp.deployer.fake_google import Google
from tests.gcp.deployer.shop import Shop


def connections(google: Google) -> list[socket.socket]:
    """The open ends of clients here that lead to one of the servers."""
    ports = {int(endpoint.rpartition(":")[2]) for endpoint in google.environment().values() if "//" in endpoint}
    return [one for one in gc.get_objects() if isinstance(one, socket.socket) and leads_to(one, ports)]


def leads_to(one: socket.socket, ports: set[int]) -> bool:
    try:
        return one.getpeername()[1] in ports
    except OSError:
        return False  # closed, or no connection


def test_the_connections_of_a_deploy_are_closed_when_nobody_has_its_clients(google: Google) -> None:
    before = {id(one) for one in connections(google)}
    shop = Shop(google)
    shop.deploy()
    shop.plan(drift=True)
    made = [one for one in connections(google) if id(one) not in before]
    assert made
    del shop
    gc.collect()
    assert [one for one in made if one.fileno() != -1] == []


def test_a_closed_client_may_be_closed_again(google: Google) -> None:
    shop = Shop(google)
    shop.deploy()
    shop.clients.close()
    shop.clients.close()
