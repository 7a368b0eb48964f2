"""The writer: one thread that makes one transaction of everything submitted meanwhile.

While a transaction is on its way to the disk, the ticks that follow gather; they
become the next one. What the thread has done is told in the event loop, in order.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Literal, TypeAlias, TypeVar

from tidewire.clock import Clock
from tidewire.engines.base import Draft
from tidewire.engines.sqlite.batch import Batch, Outcome
from tidewire.engines.sqlite.ledger import Ledger
from tidewire.engines.sqlite.sweeper import Sweeper
from tidewire.errors import EngineUnavailable

logger = logging.getLogger("tidewire.engines.sqlite")

MAX_BATCH = 5_000
"""Publications in one transaction: some 30 ms. More would only make the first ones wait."""

MAP_SHARE = 0.5
"""Of the file for latest-per-key maps, as in memory: history keeps the rest."""

T = TypeVar("T")
Answer: TypeAlias = Callable[[], None]
"""What is told in the event loop."""

Job: TypeAlias = "list[Draft] | Callable[[], Answer] | None"
"""Publications of a tick; something else to do in the thread; None: stop."""


class Writer:
    """Owns the connection that writes. What is above ``_run`` is for the event loop."""

    def __init__(
        self,
        file: sqlite3.Connection,
        *,
        clock: Clock,
        make_epoch: Callable[[], str],
        make_tags: Callable[[int], list[str]],
        max_bytes: int,
        deliver: Callable[[int, Outcome], None],
    ) -> None:
        self._file = file
        self._clock = clock
        self._make_tags = make_tags
        self._max_map_bytes = max_bytes * MAP_SHARE
        self._deliver = deliver
        self._ledger = Ledger(file, make_epoch)
        self._sweeper = Sweeper(file, self._ledger, max_bytes)
        self._is_sweeping = False
        self._is_failing = False
        self._is_stopped = False
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="tidewire-sqlite", daemon=True)
        self.transactions = 0
        self.kept = self._ledger.kept
        self.used_bytes = self._sweeper.used_bytes()

    @property
    def is_failing(self) -> bool:
        """Whether the last transaction could not be made."""
        return self._is_failing

    def start(self) -> None:
        self._thread.start()

    def publish(self, drafts: list[Draft]) -> None:
        """How they ended is told to ``deliver``, with the number of those that did."""
        self._jobs.put(drafts)

    def ask(self, work: Callable[[Ledger], T], then: Callable[[T], None]) -> asyncio.Future[None]:
        """Do ``work`` in the thread, then call ``then`` with what it gave, in the event loop.

        The answer is done when ``then`` has been called; it is not where it was cancelled
        before. Raises ``EngineUnavailable`` where the file cannot be used any more.
        """
        if self._is_stopped:
            raise EngineUnavailable("the engine has stopped")
        future: asyncio.Future[None] = self._loop.create_future()

        def told(result: T) -> None:
            if not future.done():
                then(result)
                future.set_result(None)

        self._jobs.put(lambda: self._attempt(work, told, future))
        return future

    def tell(self, work: Callable[[Ledger], None]) -> None:
        """Do ``work`` in the thread."""

        def in_thread() -> Answer:
            work(self._ledger)
            return _nothing

        self._jobs.put(in_thread)

    def sweep(self) -> None:
        if not self._is_sweeping:
            self._is_sweeping = True
            self._jobs.put(self._sweep)

    async def stop(self) -> None:
        """Everything asked for before has been done, and told, when this returns."""
        self._is_stopped = True
        stopped: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put(lambda: lambda: stopped.set_result(None))
        self._jobs.put(None)
        await stopped
        self._thread.join()

    # -- in the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            drafts, others = self._gather()
            if drafts:
                outcome = self._publish(drafts)
                self._answer(partial(self._deliver, len(drafts), outcome))
            for job in others:
                if job is None:
                    self._file.close()
                    return
                self._answer(job())

    def _gather(self) -> tuple[list[Draft], list[Callable[[], Answer] | None]]:
        """All that waits, publications first: whatever else there is was asked for no later."""
        drafts: list[Draft] = []
        others: list[Callable[[], Answer] | None] = []
        job = self._jobs.get()
        while True:
            if isinstance(job, list):
                drafts += job
            else:
                others.append(job)
            if len(drafts) >= MAX_BATCH:
                break
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
        return drafts, others

    def _answer(self, answer: Answer) -> None:
        with suppress(RuntimeError):  # the loop was closed without a stop: nobody listens
            self._loop.call_soon_threadsafe(answer)

    def _publish(self, drafts: list[Draft]) -> Outcome:
        now_ms = int(self._clock.time() * 1000)
        batch = Batch(self._file, self._ledger, now_ms, self._max_map_bytes)
        tags = self._make_tags(len(drafts))
        failure = self._transact(lambda: batch.apply(drafts, tags))
        if failure is None:
            self._sweeper.once_count += len(batch.repeats)
            for receipt in batch.outcome.receipts:
                receipt.outcome = "refused" if receipt.position is None else "accepted"
            return batch.outcome
        receipts = [receipt for _, _, receipt in drafts if receipt is not None]
        for receipt in receipts:
            receipt.outcome, receipt.position = failure, None
        return Outcome(receipts)

    def _transact(self, work: Callable[[], object]) -> Literal["refused", "unknown"] | None:
        """Do ``work`` and commit it; or else nothing has changed, and this says what is known."""
        is_committing = False
        try:
            self._file.execute("BEGIN IMMEDIATE")
            work()
            is_committing = True
            self._file.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            self._note_failure(error)
            return "unknown" if is_committing and not _is_full(error) else "refused"
        self._ledger.committed()
        self._note_success()
        return None

    def _roll_back(self) -> None:
        self._ledger.rolled_back()
        with suppress(sqlite3.Error):  # SQLite may have done it, or cannot: nothing is committed
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")

    def _note_failure(self, error: Exception) -> None:
        if not self._is_failing:
            logger.error("the database cannot be written: %s", error, exc_info=error)
        self._is_failing = True

    def _note_success(self) -> None:
        self.transactions += 1
        self.kept = self._ledger.kept
        if self._is_failing:
            logger.warning("the database can be written again")
        self._is_failing = False

    def _attempt(
        self, work: Callable[[Ledger], T], told: Callable[[T], None], future: asyncio.Future[None]
    ) -> Answer:
        results: list[T] = []
        try:
            results.append(work(self._ledger))
        except Exception as error:
            return partial(_fail, future, error)
        return lambda: told(results[0])

    def _sweep(self) -> Answer:
        """One step; where more is to do, the next one comes after what waits meanwhile."""
        has_more = False

        def step() -> None:
            nonlocal has_more
            has_more = self._sweeper.step(int(self._clock.time() * 1000))
            self.used_bytes = self._sweeper.used_bytes()

        if self._transact(step) is None and has_more:
            self._jobs.put(self._sweep)
        else:
            self._is_sweeping = False
        return _nothing


def _is_full(error: Exception) -> bool:
    """Without room the commit's record, which comes last, was not written."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(EngineUnavailable(f"the database: {error}"))


def _nothing() -> None:
    pass
