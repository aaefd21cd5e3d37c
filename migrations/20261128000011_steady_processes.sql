-- Since when a process has been seen without a gap: whoever starts can tell from it whether the
-- database was there all the time.
ALTER TABLE processes ADD COLUMN steady_since BIGINT;
