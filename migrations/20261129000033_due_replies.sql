-- Replies that wait, the first one first. One that is put off has a later turn than what has been due in its
-- lane for long, so it is not looked for there. There are few of them at any time.
CREATE INDEX messages_replies ON messages (not_before) WHERE keyword IS NOT NULL AND state = 'queued';
