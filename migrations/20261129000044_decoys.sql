-- 1 for a verification that only looks like one: its caller knows that nobody is to be written to. It is taken,
-- limited, guessed at and ended as any other; its messages are canceled from the beginning, and no code is right.
ALTER TABLE verifications ADD COLUMN decoy INTEGER NOT NULL DEFAULT 0;
