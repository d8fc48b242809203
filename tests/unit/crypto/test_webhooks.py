"""Deliveries are signed as the Standard Webhooks specification says."""

import base64
import hashlib
import hmac

from shared.crypto.sealing import SiteSecret
from shared.crypto.webhooks import delivery_headers, shown_secret

SECRET = b"s" * 32


def test_a_receiver_verifies_with_what_it_was_shown() -> None:
    headers = delivery_headers(SECRET, "boot.7", 1_614_265_330, b'{"test": 1}')
    key = base64.b64decode(shown_secret(SECRET).removeprefix("whsec_"))
    covered = b'boot.7.1614265330.{"test": 1}'
    proof = base64.b64encode(hmac.new(key, covered, hashlib.sha256).digest()).decode()

    assert headers == {
        "webhook-id": "boot.7",
        "webhook-timestamp": "1614265330",
        "webhook-signature": f"v1,{proof}",
    }


def test_the_signature_covers_the_id_the_time_and_the_body() -> None:
    signatures = {
        delivery_headers(*each)["webhook-signature"]
        for each in (
            (SECRET, "a", 1, b"x"),
            (SECRET, "b", 1, b"x"),
            (SECRET, "a", 2, b"x"),
            (SECRET, "a", 1, b"y"),
            (b"t" * 32, "a", 1, b"x"),
        )
    }

    assert len(signatures) == 5


def test_each_webhook_and_number_has_a_secret_of_its_own_that_every_master_knows() -> None:
    secret = SiteSecret(b"r" * 32)
    drawn = {secret.webhook_secret(*each) for each in (("a", 1), ("b", 1), ("a", 2), ("1\na", 1))}

    assert len(drawn) == 4
    assert SiteSecret(b"r" * 32).webhook_secret("a", 1) in drawn
    assert SiteSecret(b"q" * 32).webhook_secret("a", 1) not in drawn
