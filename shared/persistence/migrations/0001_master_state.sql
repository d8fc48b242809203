-- The master state: one marker, the documents, the entries behind them, the answered requests.

CREATE TABLE cluster_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    cluster_id text NOT NULL,
    log_generation bigint NOT NULL,
    revision bigint NOT NULL CHECK (revision >= 0),
    sequence bigint NOT NULL CHECK (sequence >= 0),
    epoch bigint NOT NULL CHECK (epoch >= 0),
    hash text NOT NULL,
    mode text NOT NULL
);

CREATE TABLE document (
    kind text NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE log_entry (
    log_generation bigint NOT NULL,
    revision bigint NOT NULL,
    sequence bigint NOT NULL,
    epoch bigint NOT NULL,
    hash text NOT NULL,
    message bytea NOT NULL,
    PRIMARY KEY (log_generation, revision)
);

CREATE TABLE request (
    request_id text PRIMARY KEY,
    digest text NOT NULL,
    revision bigint NOT NULL,
    at bigint NOT NULL
);

CREATE INDEX request_at ON request (at);

CREATE TABLE writer_pulse (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL,
    boot_id text NOT NULL,
    at double precision NOT NULL
);

-- The fence: an entry of another epoch than the state's is refused. Only applying
-- `epoch_began` raises the state's, in the same transaction and before the entry.
CREATE FUNCTION refuse_another_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    current_epoch bigint;
BEGIN
    SELECT epoch INTO current_epoch FROM cluster_state FOR SHARE;
    IF NEW.epoch IS DISTINCT FROM current_epoch THEN
        RAISE EXCEPTION 'entry % is of epoch %, the state is at epoch %',
            NEW.revision, NEW.epoch, current_epoch;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER entry_epoch BEFORE INSERT ON log_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_another_epoch();
