-- The statements of a store in SQLite. New and Schema put the prefix of the tables' names in
-- place of {prefix}. A line of "--:" and a name begins each statement, and other comments are
-- removed. Some names have several statements, with semicolons between them. Never change a
-- migration that was released: add another one, which inserts its number.
--
-- In statements about an entry ?1 is the user, ?2 the provider and ?3 the account. Times are
-- in milliseconds since 1970. A lease with more time left than its length has ended, because
-- the clock was set back.

--: version table
CREATE TABLE IF NOT EXISTS {prefix}schema (version INTEGER PRIMARY KEY)

--: version
SELECT COALESCE(MAX(version), 0) FROM {prefix}schema

--: migration 1
-- The user comes first in the key, so that its index finds all entries of a user.
CREATE TABLE IF NOT EXISTS {prefix}tokens (
	user_id BLOB NOT NULL,
	provider BLOB NOT NULL,
	account_id BLOB NOT NULL,
	value BLOB NOT NULL,
	version BLOB NOT NULL,
	lease BLOB,
	lease_until INTEGER,
	lease_length BIGINT,
	PRIMARY KEY (user_id, provider, account_id)
);
INSERT INTO {prefix}schema (version) VALUES (1) ON CONFLICT DO NOTHING

--: begin
-- The transaction is a writer from its beginning, because a reader that becomes a writer
-- fails if another process wrote meanwhile.
BEGIN IMMEDIATE

--: get
SELECT value, version FROM {prefix}tokens WHERE user_id = ?1 AND provider = ?2 AND account_id = ?3

--: put
INSERT INTO {prefix}tokens (user_id, provider, account_id, value, version) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (user_id, provider, account_id) DO UPDATE
SET value = excluded.value, version = excluded.version, lease = NULL, lease_until = NULL, lease_length = NULL

--: create
INSERT INTO {prefix}tokens (user_id, provider, account_id, value, version) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (user_id, provider, account_id) DO NOTHING

--: replace
UPDATE {prefix}tokens SET value = ?4, version = ?5, lease = NULL, lease_until = NULL, lease_length = NULL
WHERE user_id = ?1 AND provider = ?2 AND account_id = ?3 AND version = ?6

--: delete
DELETE FROM {prefix}tokens WHERE user_id = ?1 AND provider = ?2 AND account_id = ?3 AND version = ?4

--: lease
-- ?4 is the version, ?5 the id and ?6 the length in milliseconds.
UPDATE {prefix}tokens SET lease = ?5, lease_length = ?6,
	lease_until = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + ?6
WHERE user_id = ?1 AND provider = ?2 AND account_id = ?3 AND version = ?4 AND NOT (lease IS NOT NULL AND
	lease_until - CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) BETWEEN 1 AND lease_length)

--: left
-- How many milliseconds the lease still runs.
SELECT CASE WHEN lease IS NULL OR lease_until - now > lease_length THEN 0 ELSE lease_until - now END
FROM {prefix}tokens, (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now)
WHERE user_id = ?1 AND provider = ?2 AND account_id = ?3 AND version = ?4

--: release
UPDATE {prefix}tokens SET lease = NULL, lease_until = NULL, lease_length = NULL
WHERE user_id = ?1 AND provider = ?2 AND account_id = ?3 AND lease = ?4

--: list
SELECT user_id, provider, account_id FROM {prefix}tokens WHERE user_id = ?1 ORDER BY provider, account_id

--: first page
-- There are two statements for pages, because no key comes before the empty one.
SELECT user_id, provider, account_id FROM {prefix}tokens
ORDER BY user_id, provider, account_id LIMIT ?1

--: next page
SELECT user_id, provider, account_id FROM {prefix}tokens WHERE (user_id, provider, account_id) > (?1, ?2, ?3)
ORDER BY user_id, provider, account_id LIMIT ?4
