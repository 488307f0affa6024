"""Queues on SQLite: one file a queue, so that writers of one don't wait for another's."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from kernel.embedded.database import Database
from kernel.ports import Depth, Message, check_bodies, check_limit

# A message is visible from `visible_at` on. Ids rise, and say when a message was put.
SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    visible_at REAL NOT NULL,
    put_at REAL NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 0,
    receipt TEXT,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_time ON messages (visible_at);
"""
INSERT = "INSERT INTO messages (id, visible_at, put_at, body) VALUES (?, ?, ?, ?)"
# Message.receipt of a peeked message is '', which equals no stored one: neither NULL nor random.
DELETE = "DELETE FROM messages WHERE id = ? AND receipt = ?"
EXTEND = "UPDATE messages SET visible_at = ?, receipt = ? WHERE id = ? AND receipt = ?"
VISIBLE = "SELECT {} FROM messages WHERE visible_at <= ? ORDER BY visible_at LIMIT ?"
NEXT = VISIBLE.format("id, body, deliveries, put_at")
OLDEST = f"SELECT min(put_at) FROM ({VISIBLE.format('put_at')})"  # noqa: S608 - made of constants
TAKE = "UPDATE messages SET visible_at = ?, receipt = ?, deliveries = deliveries + 1 WHERE id IN ({})"


class EmbeddedQueue:
    """A queue in a file of its own. Delivers roughly in the order of becoming visible."""

    def __init__(self, name: str, database: Database, clock: Callable[[], float]) -> None:
        self.name = name
        self._database = database
        self._clock = clock

    def put(self, bodies: Sequence[bytes], delay_s: float = 0) -> None:
        """Queues all bodies in one transaction."""
        check_bodies(bodies, delay_s)
        now = self._clock()
        with self._database.write("queue.put") as connection:
            (latest,) = connection.execute("SELECT max(id) FROM messages").fetchone()
            first = max((latest or 0) + 1, int(now * 1e6))
            rows = [(first + i, now + delay_s, now, body) for i, body in enumerate(bodies)]
            connection.executemany(INSERT, rows)

    def receive(self, limit: int = 32, visibility_s: float = 30) -> list[Message]:
        """Takes visible messages in one transaction, the first visible first."""
        check_limit(limit)
        now, receipt = self._clock(), new_receipt()
        with self._database.write("queue.receive") as connection:
            # Two statements: one with RETURNING takes twice the time and forgets the order.
            rows = connection.execute(NEXT, (now, limit)).fetchall()
            places = ",".join("?" * len(rows))
            connection.execute(TAKE.format(places), (now + visibility_s, receipt, *(row[0] for row in rows)))
        return messages([(id_, body, count + 1, put_at) for id_, body, count, put_at in rows], receipt)

    def delete(self, messages: Sequence[Message]) -> None:
        """Removes messages in one transaction."""
        with self._database.write("queue.delete") as connection:
            connection.executemany(DELETE, [(int(message.id), message.receipt) for message in messages])

    def extend(self, messages: Sequence[Message], visibility_s: float) -> list[Message]:
        """Hides messages again in one transaction."""
        until, receipt = self._clock() + visibility_s, new_receipt()
        with self._database.write("queue.extend") as connection:
            return [
                replace(message, receipt=receipt)
                for message in messages
                if connection.execute(EXTEND, (until, receipt, int(message.id), message.receipt)).rowcount
            ]

    def peek(self, limit: int = 32) -> list[Message]:
        """Looks at visible messages."""
        check_limit(limit)
        with self._database.read("queue.peek") as connection:
            return messages(connection.execute(NEXT, (self._clock(), limit)).fetchall(), receipt="")

    def depth(self) -> Depth:
        """Counts all messages exactly; the age is the greatest of the 32 that come next."""
        now = self._clock()
        with self._database.read("queue.depth") as connection:
            (count,) = connection.execute("SELECT count(*) FROM messages").fetchone()
            (oldest,) = connection.execute(OLDEST, (now, 32)).fetchone()
        return Depth(count, None if oldest is None else max(0.0, now - oldest))


def messages(rows: Sequence[tuple[int, bytes, int, float]], receipt: str) -> list[Message]:
    """Messages of rows (id, body, deliveries, put_at)."""
    return [Message(str(id_), body, receipt, deliveries, put_at) for id_, body, deliveries, put_at in rows]


def new_receipt() -> str:
    """One receipt a call: it differs from every other call's, also in a forked process."""
    return os.urandom(8).hex()
