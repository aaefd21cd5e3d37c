-- Steps that follow by themselves are messages whose time is still to come. One of them may go to
-- another address of the person, whose code is another: what was proved is then the address whose code
-- came back.
ALTER TABLE verifications ADD COLUMN other_hash BYTEA;
ALTER TABLE verifications ADD COLUMN other_sealed BYTEA;
ALTER TABLE verifications ADD COLUMN proves_other INTEGER NOT NULL DEFAULT 0;
