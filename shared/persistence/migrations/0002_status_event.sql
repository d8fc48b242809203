-- What happened to this site, as this master heard it: not a part of the master state, so no
-- snapshot, no entry of the log and no restore touches it.

CREATE TABLE status_event (
    id text PRIMARY KEY,
    at bigint NOT NULL,
    speaker text NOT NULL,
    fact text NOT NULL,
    nodes text[] NOT NULL,
    about text,
    sentence text NOT NULL,
    body jsonb NOT NULL
);

CREATE INDEX status_event_at ON status_event (at DESC, id DESC);
CREATE INDEX status_event_about ON status_event (about, at) WHERE about IS NOT NULL;
