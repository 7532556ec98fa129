"""Requests: each with the time at which it was due, a bound, and a reason if it fails; never more than the rate."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from edge.demo.player import Stumble
from loadtest.drive.tally import Failure, Tally

BODY_MAX_BYTES = 32 * 1024 * 1024
_CONNECT_S, _TOTAL_S = 2.0, 6.0
_OK = 200


class HeldBack(Stumble):
    """More would have been sent than was stated; nothing was."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request.

    Attributes:
        url: whole, without CMCD.
        kind: for the histograms.
        due: when it was to be sent, monotonic seconds.
        fine: answers that are no failures, besides 200.
        follow: whether redirects are followed.
        planned: whether the timetable made it due, not an answer.
    """

    url: str
    kind: str
    due: float
    fine: tuple[int, ...] = ()
    follow: bool = True
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came."""

    url: str  # after redirects
    status: int
    body: bytes
    took_s: float  # since it was sent
    location: str = ""
    retry_after: str = ""


class Asker:
    """Sends what viewers ask.

    Args:
        http: the connections.
        tally: counts.
        began: the run's first moment, monotonic seconds.
        rate: most requests within a second.
    """

    def __init__(self, http: aiohttp.ClientSession, tally: Tally, began: float, rate: int) -> None:
        self._http = http
        self._tally = tally
        self._began = began
        self._sent: deque[float] = deque(maxlen=rate)  # when the last so many were

    async def ask(self, question: Question, cmcd: str) -> Answer:
        """The answer.

        Raises:
            Stumble: it failed, which is counted; the reason.
            HeldBack: it was not sent.
        """
        sent = time.monotonic()
        self._admit(sent)
        if question.planned:
            self._tally.lateness.record(sent - question.due)
        try:
            answer = await self._get(question, cmcd, sent)
        except asyncio.CancelledError:
            self._tally.counts["abandoned"] += 1
            raise
        except TimeoutError:
            self._tally.answered(question.kind, time.monotonic() - question.due)
            raise self._failed(question, "timeout") from None
        except aiohttp.ClientConnectorError:
            raise self._failed(question, "unreachable") from None
        except (aiohttp.ClientError, OSError):
            raise self._failed(question, "connection") from None
        if answer.status != _OK and answer.status not in question.fine:
            raise self._failed(question, f"status {answer.status}")
        self._tally.answered(question.kind, time.monotonic() - question.due)
        return answer

    async def _get(self, question: Question, cmcd: str, sent: float) -> Answer:
        url = URL(f"{question.url}{'&' if '?' in question.url else '?'}{cmcd}", encoded=True)
        async with self._http.get(url, allow_redirects=question.follow) as answer:
            if (answer.content_length or 0) > BODY_MAX_BYTES:
                raise self._failed(question, "too large")
            body = await answer.read()
            fields = answer.headers
            at = str(answer.url.without_query_params("CMCD")) if answer.history else question.url
            self._tally.served_by(answer.url.authority)
            self._tally.received_bytes += len(body)
            took_s = time.monotonic() - sent
            told = fields.get("Location", ""), fields.get("Retry-After", "")
            return Answer(at, answer.status, body, took_s, *told)

    def _admit(self, now: float) -> None:
        """Raises HeldBack where as many were sent within the last second."""
        if len(self._sent) == self._sent.maxlen and now - self._sent[0] < 1.0:
            self._tally.held_back += 1
            raise HeldBack("held back")
        self._sent.append(now)
        self._tally.requests += 1

    def _failed(self, question: Question, why: str) -> Stumble:
        due_s, ended_s = int(question.due - self._began), int(time.monotonic() - self._began)
        reason = f"{question.kind} {why}"
        self._tally.fail(Failure(due_s, ended_s, reason))
        return Stumble(reason)


@asynccontextmanager
async def connections() -> AsyncIterator[aiohttp.ClientSession]:
    """For all viewers of a worker; without a bound, since what is due is sent."""
    timeout = aiohttp.ClientTimeout(total=_TOTAL_S, sock_connect=_CONNECT_S)
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=10)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar) as http:
        yield http
