-- What config writes to show that it commits while nobody changes anything.
-- An append needs new pages; an UPDATE of one row does not, and still commits on a full disk. So
-- the filler lies in the row itself (STORAGE PLAIN), and a page holds a single row (fillfactor):
-- every insert takes another page from the disk. There is no index that could grow instead, and no
-- row is deleted that a vacuum could make room of. Config empties the table by TRUNCATE after some
-- hundreds of rows, which gives the pages back; so nothing is left for autovacuum.

CREATE TABLE commit_probe (
    filler text NOT NULL
) WITH (fillfactor = 10, autovacuum_enabled = false);

ALTER TABLE commit_probe ALTER COLUMN filler SET STORAGE PLAIN;

-- The row that config wrote for each grant: an UPDATE, which still commits on a full disk.
DROP TABLE writer_pulse;
