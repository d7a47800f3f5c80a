"""Which names are this server's, and which pages may speak to it."""

from __future__ import annotations

import pytest

from tsumami.errors import SettingsError
from tsumami.web.hosts import Headers, Hosts

HOME = Hosts()
LAN = Hosts("0.0.0.0")  # noqa: S104  (what is tested)
NAMED = Hosts("127.0.0.1", ("tsumami.example", "192.0.2.4"))


def said(**headers: str) -> Headers:
    return Headers.of((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7860", "127.0.0.1", "localhost:7860", "LocalHost.", "[::1]:7860", "127.8.9.1", "localhost:1"]
)
def test_loopbacks_names_are_everybodys(host: str) -> None:
    for hosts in (HOME, LAN, NAMED):
        assert hosts.problem(said(host=host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example:7860",
        "127.0.0.1.rebound.example",
        "localhost.rebound.example",
        "localhost@rebound.example",
        "rebound.example#localhost",
        "localhost,rebound.example",
        "localhost rebound.example",
        "localhost/rebound.example",
        "[::1].rebound.example",
        "192.0.2.9:7860",
        "2130706433",
        "0x7f.1",
        "",
        ":7860",
        "localhost:port",
    ],
)
def test_a_foreign_name_is_not_answered_on_loopback(host: str) -> None:
    assert HOME.problem(said(host=host))
    assert NAMED.problem(said(host=host))


@pytest.mark.parametrize("host", ["192.0.2.9:7860", "[2001:db8::1]:7860", "10.0.0.4"])
def test_who_listens_beyond_loopback_has_every_address_and_no_name(host: str) -> None:
    assert LAN.problem(said(host=host)) is None
    assert LAN.problem(said(host="rebound.example:7860"))
    assert HOME.problem(said(host=host))


def test_the_name_that_is_listened_on_is_the_servers() -> None:
    assert Hosts("box.example").problem(said(host="box.example:7860")) is None
    assert Hosts("box.example").problem(said(host="other.example:7860"))
    assert Hosts("::1").problem(said(host="[::1]:7860")) is None
    assert Hosts("localhost").problem(said(host="192.0.2.9"))


@pytest.mark.parametrize("host", ["tsumami.example", "TSUMAMI.example:443", "tsumami.example.", "192.0.2.4:80"])
def test_names_that_the_owner_gives_are_the_servers(host: str) -> None:
    assert NAMED.problem(said(host=host)) is None
    assert HOME.problem(said(host=host))


def test_every_name_that_a_request_gives_counts() -> None:
    assert HOME.problem(said(host="localhost", x_forwarded_host="rebound.example"))
    assert NAMED.problem(said(host="localhost", x_forwarded_host="tsumami.example")) is None
    assert NAMED.problem(said(host="localhost", x_forwarded_host="tsumami.example, rebound.example"))
    assert HOME.problem(Headers.of([(b"host", b"localhost"), (b"host", b"rebound.example")]))
    assert HOME.problem(Headers.of([]))


def test_a_star_is_every_name_and_still_no_other_page() -> None:
    every = Hosts("127.0.0.1", ("*",))
    assert every.problem(said(host="any.example")) is None
    assert every.problem(said(host="any.example", origin="https://any.example")) is None
    assert every.problem(said(host="any.example", origin="https://other.example"))


@pytest.mark.parametrize("origin", ["http://localhost:7860", "https://localhost:7860", "HTTP://LOCALHOST:7860"])
def test_the_servers_own_page_may_speak_to_it(origin: str) -> None:
    assert HOME.problem(said(host="localhost:7860", origin=origin)) is None


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:9999", "http://127.0.0.1:7860", "https://rebound.example", "null", "", "file://", "http://["],
)
def test_no_other_page_may(origin: str) -> None:
    assert HOME.problem(said(host="localhost:7860", origin=origin))


def test_a_page_behind_a_proxy_may_whatever_its_port_and_the_hosts_name() -> None:
    assert NAMED.problem(said(host="tsumami.example", origin="https://tsumami.example")) is None
    assert NAMED.problem(said(host="tsumami.example", origin="https://tsumami.example:8443")) is None
    assert NAMED.problem(said(host="127.0.0.1:7860", origin="https://tsumami.example")) is None


def test_a_picture_or_script_of_another_page_is_not_fetched_and_a_link_is_followed() -> None:
    assert HOME.problem(said(host="localhost", sec_fetch_site="cross-site", sec_fetch_mode="no-cors"))
    assert HOME.problem(said(host="localhost", sec_fetch_site="same-site", sec_fetch_mode="cors"))
    assert HOME.problem(said(host="localhost", sec_fetch_site="cross-site", sec_fetch_mode="navigate")) is None
    assert HOME.problem(said(host="localhost", sec_fetch_site="same-origin", sec_fetch_mode="cors")) is None
    assert HOME.problem(said(host="localhost", sec_fetch_site="none")) is None


def test_frames_are_the_owners_pages() -> None:
    assert HOME.embedders() == "'self'"
    assert NAMED.embedders() == "'self' 192.0.2.4 tsumami.example"
    assert Hosts(allowed=("2001:db8::4",)).embedders() == "'self' [2001:db8::4]"


@pytest.mark.parametrize("name", ["https://tsumami.example", "a b", "a;b", "", "tsumami.example/path"])
def test_what_is_no_name_cannot_be_allowed(name: str) -> None:
    with pytest.raises(SettingsError, match="--allow-host"):
        Hosts(allowed=(name,))
