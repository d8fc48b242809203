"""Guessing at a site: what is counted, who waits, and who is never locked out."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from services.gateway.access.accounts import Accounts
from services.gateway.access.address_limits import (
    ARRIVALS,
    PROBE_LISTS,
    UNKNOWN_NAMEPLATES,
    WRONG_TOKENS,
)
from services.gateway.access.passwords import Passwords
from services.gateway.access.sign_ins import SignIns, Sleep
from services.gateway.core.sign_in_attempts import PLACES, WRONG_PASSWORDS
from shared.crypto.sealing import SiteSecret
from shared.documents import Kind
from shared.documents.user import UserDocument, UserRole
from shared.domain.errors import (
    MeridianError,
    TooManyAttempts,
    Unauthenticated,
)
from shared.events.config import ReadDocuments
from tests.fakes.events import KeptFacts
from tests.fakes.site import StillClock
from tests.unit.gateway.conftest import PASSWORD, QUICK, InMemoryGateway, People

HOME, OUTSIDE = "192.0.2.7", "198.51.100.9"
GUESSES = 200
SECRET = SiteSecret(bytes(32))
PAGE = Path(__file__).parents[4] / "docs" / "operations" / "limits.md"


@pytest_asyncio.fixture
async def site(fake: InMemoryGateway) -> InMemoryGateway:
    """A gateway whose site knows rita."""
    sealed = await fake.passwords.seal(PASSWORD)
    fake.site.write(Kind.USER, "rita", {"role": "representative", "password_hash": sealed})
    return fake


async def signed_in(site: InMemoryGateway, address: str, password: str = PASSWORD) -> str:
    """Sign rita in; return ok or the code of the error."""
    try:
        await site.gateway.accounts.sign_in("rita", password, address)
    except MeridianError as error:
        return error.code
    return "ok"


async def outsiders_guess(site: InMemoryGateway, count: int) -> None:
    """Guess *count* times, each time from another network."""
    for number in range(count):
        assert await signed_in(site, f"203.0.113.{number}", "a guess") == "unauthenticated"


async def test_of_200_parallel_guesses_no_more_than_the_limit_learn_anything(
    site: InMemoryGateway,
) -> None:
    guesses = [signed_in(site, OUTSIDE, f"guess {number}") for number in range(GUESSES)]
    guesses.append(signed_in(site, OUTSIDE))

    codes = Counter(await asyncio.gather(*guesses))

    refused = GUESSES + 1 - WRONG_PASSWORDS
    assert codes == {"unauthenticated": WRONG_PASSWORDS, "too_many_attempts": refused}
    assert sum(isinstance(each, ReadDocuments) for each in site.site.asked) == WRONG_PASSWORDS
    assert len(site.facts.kept) == WRONG_PASSWORDS


async def test_of_parallel_guesses_of_one_ipv6_site_ten_times_the_limit_learn_anything(
    site: InMemoryGateway,
) -> None:
    codes = Counter[str]()
    for begin in range(0, 300, 20):
        guesses = [
            signed_in(site, f"2001:db8:7:{number:x}::1", "a guess")
            for number in range(begin, begin + 20)
        ]
        codes += Counter(await asyncio.gather(*guesses))

    assert codes["unauthenticated"] == 10 * WRONG_PASSWORDS
    assert codes["too_many_attempts"] == 300 - 10 * WRONG_PASSWORDS


async def test_from_the_fifth_failure_of_a_user_from_any_network_answers_wait(
    site: InMemoryGateway,
) -> None:
    await outsiders_guess(site, 11)

    assert site.clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3, 3])


async def test_the_right_password_waits_as_long_as_a_wrong_one(site: InMemoryGateway) -> None:
    await outsiders_guess(site, 4)

    assert await signed_in(site, OUTSIDE) == "ok"

    assert site.clock.slept == pytest.approx([0.1])


async def test_a_user_who_does_not_exist_waits_like_one_who_does(site: InMemoryGateway) -> None:
    for number in range(7):
        with pytest.raises(Unauthenticated):
            await site.gateway.accounts.sign_in("nobody", "a guess", f"203.0.113.{number}")

    assert site.clock.slept == pytest.approx([0.1, 0.2, 0.4])


async def test_a_network_from_which_that_user_signed_in_before_is_never_delayed(
    site: InMemoryGateway,
) -> None:
    assert await signed_in(site, HOME) == "ok"
    await outsiders_guess(site, 50)
    site.clock.slept.clear()

    assert await signed_in(site, HOME, "a slip") == "unauthenticated"
    assert await signed_in(site, HOME) == "ok"

    assert site.clock.slept == []


async def test_an_outsider_locks_nobody_out(site: InMemoryGateway) -> None:
    assert await signed_in(site, HOME) == "ok"
    await outsiders_guess(site, 250)
    for number in range(100):
        await signed_in(site, OUTSIDE, f"guess {number}")

    assert await signed_in(site, HOME) == "ok"
    assert await signed_in(site, "198.51.100.10") == "ok"


async def test_a_sign_in_at_home_does_not_free_who_guesses_outside(site: InMemoryGateway) -> None:
    for _ in range(WRONG_PASSWORDS):
        await signed_in(site, OUTSIDE, "a guess")
        assert await signed_in(site, HOME) == "ok"

    assert await signed_in(site, OUTSIDE) == "too_many_attempts"


async def test_a_failure_of_the_site_is_no_failure_of_the_user(site: InMemoryGateway) -> None:
    site.site.is_down = True
    for _ in range(3 * WRONG_PASSWORDS):
        assert await signed_in(site, OUTSIDE) == "unavailable"
    site.site.is_down = False

    assert await signed_in(site, OUTSIDE) == "ok"
    assert site.clock.slept == []


async def test_a_hash_of_another_site_is_a_wrong_password_like_any_other(
    site: InMemoryGateway,
) -> None:
    foreign = await Passwords(SiteSecret.generate(), QUICK).seal(PASSWORD)
    site.site.write(Kind.USER, "rita", {"role": "auditor", "password_hash": foreign})

    assert await signed_in(site, HOME) == "unauthenticated"


class Waiting:
    """Sleepers who wait until they are woken."""

    def __init__(self) -> None:
        self.sleepers = 0
        self.awake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0, "who need not wait does not sleep"
        self.sleepers += 1
        await self.awake.wait()


class CountingHasher(PasswordHasher):
    """A quick hasher that counts the hashes that it verifies."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.verified += 1
        return super().verify(hash, password)


def accounts_with(sleep: Sleep, hasher: PasswordHasher = QUICK) -> Accounts:
    """Accounts with rita, somebody who is disabled, and somebody without a password."""
    passwords, clock = Passwords(SECRET, hasher), StillClock()
    sealed = passwords.seal_hash(hasher.hash(PASSWORD))
    rita = UserDocument(role=UserRole.REPRESENTATIVE, password_hash=sealed)
    users = {
        "rita": rita,
        "disabled": rita.model_copy(update={"disabled": True}),
        "no password": rita.model_copy(update={"password_hash": ""}),
    }

    async def find_user(name: str) -> UserDocument | None:
        return users.get(name)

    return Accounts(find_user, passwords, SECRET, clock, KeptFacts(), SignIns(clock, sleep))


async def ended(sign_in: Awaitable[object]) -> str:
    try:
        await sign_in
    except MeridianError as error:
        return error.code
    return "ok"


@pytest.mark.parametrize("user", ["rita", "nobody", "disabled", "no password"])
async def test_each_user_who_is_refused_costs_one_hash(user: str) -> None:
    hasher = CountingHasher()
    accounts = accounts_with(Waiting().sleep, hasher)

    assert await ended(accounts.sign_in(user, "a guess", OUTSIDE)) == "unauthenticated"

    assert hasher.verified == 1


async def test_waiting_answers_are_bounded_and_keep_no_known_network_out() -> None:
    waiting = Waiting()
    accounts = accounts_with(waiting.sleep)
    await accounts.sign_in("rita", PASSWORD, HOME)
    flood = [
        asyncio.create_task(ended(accounts.sign_in("rita", "a guess", f"203.0.{number}.1")))
        for number in range(2 * PLACES)
    ]
    await asyncio.sleep(0)

    assert waiting.sleepers == PLACES - 4
    assert await ended(accounts.sign_in("rita", PASSWORD, HOME)) == "ok"
    waiting.awake.set()
    codes = Counter(await asyncio.gather(*flood))
    assert codes == {"unauthenticated": PLACES, "too_many_sign_ins": PLACES}
    assert await ended(accounts.sign_in("rita", PASSWORD, OUTSIDE)) == "ok"


async def test_who_goes_away_before_the_answer_stays_counted() -> None:
    waiting = Waiting()
    accounts = accounts_with(waiting.sleep)
    for _ in range(4):
        assert await ended(accounts.sign_in("rita", "a guess", OUTSIDE)) == "unauthenticated"
    for _ in range(WRONG_PASSWORDS - 4):
        sign_in = asyncio.create_task(ended(accounts.sign_in("rita", PASSWORD, OUTSIDE)))
        await asyncio.sleep(0)
        sign_in.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sign_in

    with pytest.raises(TooManyAttempts):
        await accounts.sign_in("rita", PASSWORD, OUTSIDE)


def call(people: People, path: str, body: object = None) -> Callable[[], Awaitable[httpx.Response]]:
    return lambda: people.stranger.call("POST", path, body)


async def test_too_many_arrivals_is_not_too_many_wrong_attempts(people: People) -> None:
    """Each limit says what there was too much of, from where, and for how long."""
    guess, arrival = {"username": "x", "password": "y"}, {"public_site": "help"}
    calls = {
        "too_many_attempts": (call(people, "/login", guess), WRONG_PASSWORDS, "wrong passwords"),
        "too_many_nameplates": (
            *(call(people, "/sessions/1234567/join"), UNKNOWN_NAMEPLATES.most),
            "unknown session keys",
        ),
        "too_many_arrivals": (call(people, "/queue", arrival), ARRIVALS.most, "customers arrived"),
        "too_many_probe_lists": (
            *(call(people, "/probes"), PROBE_LISTS.most),
            "questions which relays to measure",
        ),
    }
    for code, (ask, most, words) in calls.items():
        answers = [await ask() for _ in range(most + 1)]
        assert [each.status_code == 429 for each in answers] == [False] * most + [True]
        refused = answers[-1].json()
        assert refused["code"] == code
        assert refused["detail"].startswith("too many ")
        assert f"{words} from 192.0.2.7; try again in " in refused["detail"].replace(" came", "")
        assert answers[-1].headers["Retry-After"] == str(refused["retry_after_seconds"])


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/sessions/1234567/join", UNKNOWN_NAMEPLATES.most),
        ("/queue", ARRIVALS.most),
        ("/probes", PROBE_LISTS.most),
    ],
)
async def test_of_parallel_calls_without_an_account_the_limit_passes(
    people: People, path: str, most: int
) -> None:
    body = {"public_site": "help"} if path == "/queue" else None
    calls = [people.stranger.call("POST", path, body) for _ in range(GUESSES)]

    statuses = Counter(answer.status_code for answer in await asyncio.gather(*calls))

    assert statuses[429] == GUESSES - most


async def test_joins_with_the_right_nameplate_are_not_limited(people: People) -> None:
    rita = await people.signed_in("rita", "representative")
    session = (await rita.call("POST", "/sessions")).json()["session"]

    joins = [
        await people.stranger.call("POST", f"/sessions/{session}/join")
        for _ in range(2 * UNKNOWN_NAMEPLATES.most)
    ]

    assert {answer.status_code for answer in joins} == {200}


async def test_a_failure_of_the_site_counts_for_no_nameplate(
    people: People, fake: InMemoryGateway
) -> None:
    rita = await people.signed_in("rita", "representative")
    session = (await rita.call("POST", "/sessions")).json()["session"]
    fake.site.refuses_selection = True
    for _ in range(2 * UNKNOWN_NAMEPLATES.most):
        answer = await people.stranger.call("POST", f"/sessions/{session}/join")
        assert answer.status_code == 503
    fake.site.refuses_selection = False

    assert (await people.stranger.call("POST", f"/sessions/{session}/join")).status_code == 200


@pytest.mark.parametrize(
    ("code", "most"),
    [
        ("too_many_attempts", WRONG_PASSWORDS),
        *((limit.refusal.code, limit.most) for limit in (UNKNOWN_NAMEPLATES, WRONG_TOKENS)),
        *((limit.refusal.code, limit.most) for limit in (ARRIVALS, PROBE_LISTS)),
        ("too_many_sign_ins", PLACES),
    ],
)
def test_the_page_of_limits_says_what_the_gateway_does(code: str, most: int) -> None:
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if f"`{code}`" in line]

    assert [row[2].split(",")[0].strip() for row in rows] == [f"{most} at once"]
