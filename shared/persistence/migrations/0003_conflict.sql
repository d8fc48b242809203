-- What this master had alone when the site went on without it: not a part of the master state, so no
-- snapshot and no entry of the log touches it. A restore adds what a backup has and nobody keeps.

CREATE TABLE conflict (
    id text PRIMARY KEY,
    at bigint NOT NULL,
    log_generation bigint NOT NULL,
    revision bigint NOT NULL,
    ancestor bigint NOT NULL,
    count bigint NOT NULL,
    resolution text,
    resolved_by text,
    resolved_at bigint
);

CREATE TABLE conflict_entry (
    conflict_id text NOT NULL REFERENCES conflict (id),
    log_generation bigint NOT NULL,
    revision bigint NOT NULL,
    message bytea NOT NULL,
    PRIMARY KEY (conflict_id, log_generation, revision)
);
