"""The database's shape, and how a connection is opened. Text is compared as UTF-8 bytes (BINARY) throughout."""

import os
import sqlite3
from pathlib import Path

from portable.errors import ConfigurationError

from . import crash_points

APPLICATION_ID = 0x504F5254
FORMAT = 1
DATABASE = "store.sqlite"
STATEMENTS = 256

# `items` and `deliveries` keep a rowid: their rows are too long for a tree that is ordered by its key.
# Index entries carry a copy of the item and the time in which they are the truth, because index reads lag.
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE tables (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, key TEXT NOT NULL);
CREATE TABLE indexes (
    id INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, name TEXT NOT NULL, fields TEXT NOT NULL, types TEXT NOT NULL,
    UNIQUE (tbl, name)
);
CREATE TABLE items (
    tbl INTEGER NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL, version INTEGER NOT NULL, expires_at INTEGER,
    doc TEXT NOT NULL
);
CREATE UNIQUE INDEX items_key ON items (tbl, pk, sk);
CREATE INDEX items_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE entries (
    idx INTEGER NOT NULL, v1 NOT NULL, v2 NOT NULL, tbl INTEGER NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL,
    version INTEGER NOT NULL, expires_at INTEGER, doc TEXT NOT NULL, visible_from REAL NOT NULL, visible_until REAL
);
CREATE INDEX entries_order ON entries (idx, v1, v2, pk, sk);
CREATE INDEX entries_item ON entries (tbl, pk, sk);
CREATE INDEX entries_past ON entries (visible_until) WHERE visible_until IS NOT NULL;
CREATE TABLE tokens (
    tbl INTEGER NOT NULL, token TEXT NOT NULL, value TEXT NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (tbl, token)
) WITHOUT ROWID;
CREATE INDEX tokens_expiry ON tokens (expires_at);

CREATE TABLE objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, size INTEGER NOT NULL,
    content_type TEXT NOT NULL, metadata TEXT NOT NULL, modified REAL NOT NULL, file TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
);

CREATE TABLE handlers (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, max_attempts INTEGER NOT NULL, timeout INTEGER NOT NULL,
    min_backoff REAL NOT NULL, max_backoff REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE deliveries (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL, handler TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, fence INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL, lease_until REAL,
    worker TEXT, enqueued_at REAL NOT NULL, updated_at REAL NOT NULL, scheduled_at REAL, traceparent TEXT NOT NULL,
    progress REAL, note TEXT, error TEXT, traceback TEXT, attributes TEXT, result TEXT, body TEXT NOT NULL,
    UNIQUE (id, handler)
);
CREATE INDEX deliveries_ready ON deliveries (due, n) WHERE state IN ('queued', 'failed');
CREATE INDEX deliveries_running ON deliveries (lease_until) WHERE state = 'running';
CREATE INDEX deliveries_dead ON deliveries (handler, n) WHERE state = 'dead';
CREATE INDEX deliveries_ended ON deliveries (updated_at) WHERE state IN ('succeeded', 'dead', 'discarded');
CREATE INDEX deliveries_scheduled ON deliveries (handler) WHERE kind = 'schedule';
CREATE TABLE dedups (
    task TEXT NOT NULL, dedup TEXT NOT NULL, id TEXT NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (task, dedup)
) WITHOUT ROWID;
CREATE INDEX dedups_expiry ON dedups (expires_at);

CREATE TABLE schedules (
    handler TEXT PRIMARY KEY, cron TEXT NOT NULL, zone TEXT NOT NULL, missed TEXT NOT NULL, overlap TEXT NOT NULL,
    last REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE fires (
    handler TEXT NOT NULL, at REAL NOT NULL, outcome TEXT NOT NULL, decided_at REAL NOT NULL, PRIMARY KEY (handler, at)
) WITHOUT ROWID;
CREATE INDEX fires_decided ON fires (decided_at);
"""


def open_writer(folder: Path, *, durable: bool) -> sqlite3.Connection:
    """The one writing connection, its tables made. Raises ConfigurationError for a database that is not ours."""
    path = folder / DATABASE
    # What the database holds is for its owner alone; SQLite gives the log the mode of the database.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS)
    try:
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA cache_size = -16000")
        prepare(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise ConfigurationError(
            f"{path} is damaged, or no database: {error}", hint="move it away, or choose another folder with --data"
        ) from error
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the tables, or checks that they are those of this version."""
    format_ = connection.execute("PRAGMA user_version").fetchone()[0]
    if format_ == FORMAT:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        format_ = connection.execute("PRAGMA user_version").fetchone()[0]
        if format_ not in (0, FORMAT) or (
            format_ == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        ):
            raise ConfigurationError(
                f"{path} was written by another version of portable (format {format_}, this one has {FORMAT})",
                hint="use that version, or another folder with --data",
            )
        if format_ == 0:
            for statement in SCHEMA.split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        crash_points.reach("schema-made")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def open_reader(folder: Path) -> sqlite3.Connection:
    """A connection that can only read. Raises sqlite3.OperationalError if there is no database yet."""
    address = (folder / DATABASE).absolute().as_uri() + "?mode=ro"
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
    )
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -8000")
    return connection
