-- The statements of a store in PostgreSQL. sqlite.sql says how this file is read. Times are
-- those of clock_timestamp(): now() stands still while a statement waits for a row lock.
-- lease_length is in milliseconds.

--: version table
CREATE TABLE IF NOT EXISTS {prefix}schema (version INTEGER PRIMARY KEY)

--: version
SELECT COALESCE(MAX(version), 0) FROM {prefix}schema

--: migration 1
CREATE TABLE IF NOT EXISTS {prefix}tokens (
	user_id BYTEA NOT NULL,
	provider BYTEA NOT NULL,
	account_id BYTEA NOT NULL,
	value BYTEA NOT NULL,
	version BYTEA NOT NULL,
	lease BYTEA,
	lease_until TIMESTAMPTZ,
	lease_length BIGINT,
	PRIMARY KEY (user_id, provider, account_id)
);
INSERT INTO {prefix}schema (version) VALUES (1) ON CONFLICT DO NOTHING

--: begin
-- Each statement of the transaction sees all earlier commits.
-- The lock is there because two concurrent CREATE TABLE IF NOT EXISTS may fail.
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT pg_advisory_xact_lock(hashtextextended('{prefix}schema', 0))

--: get
SELECT value, version FROM {prefix}tokens WHERE user_id = $1 AND provider = $2 AND account_id = $3

--: put
INSERT INTO {prefix}tokens (user_id, provider, account_id, value, version) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id, provider, account_id) DO UPDATE
SET value = excluded.value, version = excluded.version, lease = NULL, lease_until = NULL, lease_length = NULL

--: create
INSERT INTO {prefix}tokens (user_id, provider, account_id, value, version) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id, provider, account_id) DO NOTHING

--: replace
UPDATE {prefix}tokens SET value = $4, version = $5, lease = NULL, lease_until = NULL, lease_length = NULL
WHERE user_id = $1 AND provider = $2 AND account_id = $3 AND version = $6

--: delete
DELETE FROM {prefix}tokens WHERE user_id = $1 AND provider = $2 AND account_id = $3 AND version = $4

--: lease
UPDATE {prefix}tokens SET lease = $5, lease_length = $6,
	lease_until = clock_timestamp() + $6::bigint * interval '1 millisecond'
WHERE user_id = $1 AND provider = $2 AND account_id = $3 AND version = $4 AND NOT (lease IS NOT NULL AND
	lease_until > clock_timestamp() AND lease_until <= clock_timestamp() + lease_length * interval '1 millisecond')

--: left
SELECT CASE WHEN lease IS NOT NULL AND lease_until <= clock_timestamp() + lease_length * interval '1 millisecond'
	THEN CEIL(EXTRACT(EPOCH FROM lease_until - clock_timestamp()) * 1000)::bigint ELSE 0 END
FROM {prefix}tokens WHERE user_id = $1 AND provider = $2 AND account_id = $3 AND version = $4

--: release
UPDATE {prefix}tokens SET lease = NULL, lease_until = NULL, lease_length = NULL
WHERE user_id = $1 AND provider = $2 AND account_id = $3 AND lease = $4

--: list
SELECT user_id, provider, account_id FROM {prefix}tokens WHERE user_id = $1 ORDER BY provider, account_id

--: first page
SELECT user_id, provider, account_id FROM {prefix}tokens
ORDER BY user_id, provider, account_id LIMIT $1

--: next page
SELECT user_id, provider, account_id FROM {prefix}tokens WHERE (user_id, provider, account_id) > ($1, $2, $3)
ORDER BY user_id, provider, account_id LIMIT $4
