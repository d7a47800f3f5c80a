"""The tables, as numbered steps from nothing to now. A step that has landed is never changed; a new one is added.

objects: what many entries share (prompts, cards, settings), by its SHA-256; an object may be the beginning of another
one and a rest. entries: one each result, in the tree that `parent` makes. knobs: the numbers of settings, to be asked
for. words: what the search reads, folded; `found` is its index of trigrams, and `occurrences` where each of these is.
checked: the (Julian) day on which the whole file was looked through. conversations: of each the keys of the replies
that it shows, in JSON, and what was said to which there is no entry.
"""

from __future__ import annotations

from typing import Final

__all__ = ["APPLICATION", "MIGRATIONS"]

APPLICATION: Final = int.from_bytes(b"tsum", "big")
"""SQLite's `application_id` of a store."""

MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE objects (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        base INTEGER REFERENCES objects (id),
        shared INTEGER NOT NULL DEFAULT 0,
        depth INTEGER NOT NULL DEFAULT 0,
        data BLOB NOT NULL
    );
    CREATE INDEX objects_base ON objects (base) WHERE base IS NOT NULL;
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        parent INTEGER REFERENCES entries (id) ON DELETE SET NULL,
        kind TEXT NOT NULL,
        made REAL NOT NULL,
        title TEXT NOT NULL DEFAULT '',
        starred INTEGER NOT NULL DEFAULT 0,
        model TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        template TEXT NOT NULL,
        seed INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        stop TEXT,
        language TEXT NOT NULL,
        asked TEXT NOT NULL,
        said TEXT NOT NULL,
        settings INTEGER NOT NULL REFERENCES objects (id),
        model_card INTEGER NOT NULL REFERENCES objects (id),
        engine_card INTEGER NOT NULL REFERENCES objects (id),
        prompt INTEGER NOT NULL REFERENCES objects (id),
        prompt_tokens INTEGER NOT NULL REFERENCES objects (id),
        rest TEXT NOT NULL,
        body BLOB NOT NULL,
        digest BLOB NOT NULL
    );
    CREATE INDEX entries_newest ON entries (owner, made DESC, id DESC);
    CREATE INDEX entries_parent ON entries (parent) WHERE parent IS NOT NULL;
    CREATE INDEX entries_settings ON entries (settings);
    CREATE INDEX entries_model_card ON entries (model_card);
    CREATE INDEX entries_engine_card ON entries (engine_card);
    CREATE INDEX entries_prompt ON entries (prompt);
    CREATE INDEX entries_prompt_tokens ON entries (prompt_tokens);
    CREATE TABLE tags (
        entry INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
        tag TEXT NOT NULL,
        PRIMARY KEY (entry, tag)
    ) WITHOUT ROWID;
    CREATE INDEX tags_tag ON tags (tag);
    CREATE TABLE knobs (
        settings INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        number REAL,
        word TEXT,
        PRIMARY KEY (settings, name)
    ) WITHOUT ROWID;
    CREATE INDEX knobs_number ON knobs (name, number);
    CREATE TABLE words (
        id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
        asked TEXT NOT NULL,
        said TEXT NOT NULL
    );
    CREATE VIRTUAL TABLE found USING fts5 (
        asked, said, content = 'words', content_rowid = 'id', tokenize = 'trigram case_sensitive 1'
    );
    CREATE TRIGGER words_new AFTER INSERT ON words BEGIN
        INSERT INTO found (rowid, asked, said) VALUES (new.id, new.asked, new.said);
    END;
    CREATE TRIGGER words_gone AFTER DELETE ON words BEGIN
        INSERT INTO found (found, rowid, asked, said) VALUES ('delete', old.id, old.asked, old.said);
    END;
    CREATE TRIGGER words_changed AFTER UPDATE ON words BEGIN
        INSERT INTO found (found, rowid, asked, said) VALUES ('delete', old.id, old.asked, old.said);
        INSERT INTO found (rowid, asked, said) VALUES (new.id, new.asked, new.said);
    END;
    """,
    # a search reads this index from its newest end, and no row that it does not show
    """
    DROP INDEX entries_newest;
    CREATE INDEX entries_seen ON entries (
        owner, made DESC, id DESC, kind, starred, model, seed, tokens, stop, language, settings
    );
    CREATE TABLE checked (day REAL NOT NULL);
    INSERT INTO checked VALUES (0);
    """,
    # a text of one or two characters is found as the beginning of three
    """
    UPDATE words SET asked = asked || char(1, 1), said = said || char(1, 1);
    CREATE VIRTUAL TABLE IF NOT EXISTS occurrences USING fts5vocab (found, instance);
    """,
    """
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        name TEXT NOT NULL DEFAULT '',
        changed REAL NOT NULL,
        number INTEGER NOT NULL,
        writer TEXT NOT NULL,
        outline TEXT NOT NULL
    );
    CREATE INDEX conversations_newest ON conversations (owner, changed DESC);
    """,
)
