"""Webhooks on the wire: signed, to public addresses only, once for each thing that happened."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from standardwebhooks.webhooks import Webhook as Receiver

from comity.core import Epoch, InputError, SystemClock
from comity.operations.webhooks import WebhookError
from comity.stores.guard import Guard, GuardError, networks
from comity.stores.webhooks import HttpWebhooks
from unit.stores.hook_site import Site, receiving

SECRETS = ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


@pytest.fixture
def site() -> Iterator[Site]:
    with receiving() as here:
        yield here


def at_home(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
def sender() -> Iterator[HttpWebhooks]:
    opened = HttpWebhooks(Guard(allowed=networks(["127.0.0.0/8"]), lookup=at_home))
    yield opened
    opened.close()


def send(sender: HttpWebhooks, url: str, at: Epoch | None = None):
    body = json.dumps({"type": "order.status", "data": {"text": "Djibouti: 3 × größer"}}, ensure_ascii=False)
    return sender.send(url, id="msg_1", at=at or SystemClock().now(), body=body, secrets=SECRETS)


def test_a_receiver_verifies_a_message_with_the_old_secret_and_the_new(site: Site, sender) -> None:
    assert send(sender, site.url).status == 204
    ((headers, body),) = site.seen
    for secret in SECRETS:
        assert Receiver(secret).verify(body, headers)["data"]["text"] == "Djibouti: 3 × größer"
    assert headers["webhook-id"] == "msg_1"
    assert headers["Host"].startswith("hooks.example:")


def test_the_signature_is_the_one_of_the_specification() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks (its reference vector)."""
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(1614265330, UTC)
    signed = Receiver(SECRETS[1]).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", moment, '{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_answer_is_read_in_part_and_a_redirection_is_not_followed(site: Site, sender) -> None:
    site.answers = [(500, {}), (302, {"Location": "http://169.254.169.254/"}), (503, {"Retry-After": "120"})]
    assert len(send(sender, site.url).text) <= 4_096
    assert send(sender, site.url).status == 302
    assert send(sender, site.url).retry_after_s == 120.0
    assert len(site.seen) == 3


def test_nobody_listening_is_told_as_no_answer(sender) -> None:
    with pytest.raises(WebhookError, match="did not answer"):
        send(sender, "http://hooks.example:1025/")


def test_an_answer_that_never_ends_does_not_hold_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comity.stores.webhooks.CALL_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def drip() -> None:
            near, _ = slow.accept()
            with near, contextlib.suppress(OSError):
                near.sendall(b"HTTP/1.1 200 OK\r\n")
                for number in range(200):
                    time.sleep(0.05)
                    near.sendall(f"X-{number}: y\r\n".encode())
                near.sendall(b"Content-Length: 0\r\n\r\n")

        thread = threading.Thread(target=drip)
        thread.start()
        sender = HttpWebhooks(Guard(allowed=networks(["127.0.0.0/8"]), lookup=at_home))
        with pytest.raises(WebhookError, match="ReadTimeout"):
            send(sender, f"http://hooks.example:{slow.getsockname()[1]}/")
        sender.close()
        thread.join()


def test_a_name_that_turns_to_this_machine_after_the_check_is_not_called(site: Site) -> None:
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    sender = HttpWebhooks(Guard(http=True, lookup=lambda host, port: answers.pop(0)))
    with pytest.raises(WebhookError, match="a loopback address"):
        send(sender, site.url)
    assert answers == []
    assert site.seen == []
    sender.close()


def test_one_bad_address_among_good_ones_is_enough_to_refuse() -> None:
    guard = Guard(lookup=lambda host, port: ["93.184.216.34", "10.0.0.7"])
    with pytest.raises(GuardError, match="a private address"):
        guard.addresses("mixed.example", 443)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1%eth0",
        "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1", "4000::1",
    ],
)  # fmt: skip
def test_no_address_of_this_machine_or_house_is_called(address: str) -> None:
    with pytest.raises(InputError, match="only public addresses"):
        Guard(lookup=lambda host, port: [address]).check("https://hooks.example/in")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::808:808"])
def test_public_addresses_are_called(address: str) -> None:
    Guard(lookup=lambda host, port: [address]).check("https://hooks.example/in")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://[::1]/", "https://0/",
        "https://localhost/", "https://localhost.:8080/", "https://[::ffff:7f00:1]/",
    ],
)  # fmt: skip
def test_other_ways_to_write_this_machine_are_seen_through(url: str) -> None:
    with pytest.raises(InputError):
        Guard().check(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://hooks.example/", "must be https"),
        ("http://hooks.example/", "called by https"),
        ("https://", "must be https"),
        ("https://user:secret@hooks.example/", "user name or password"),
        ("https://hooks.example/#part", "fragment"),
        ("https://hooks.example:22/", "port 22 is not called"),
        ("https://hooks.example:99999/", "cannot be read"),
        ("https://hooks.example/ü", "ASCII"),
        ("https://hooks.example\\@evil.example/", "ASCII"),
        ("https://hooks.example/\r\nHost: x", "ASCII"),
        ("https://hooks.example/" + "a" * 3_000, "the limit is 2,000"),
    ],
)
def test_a_url_that_is_no_webhook_says_why(url: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        Guard(lookup=lambda host, port: ["93.184.216.34"]).check(url)
