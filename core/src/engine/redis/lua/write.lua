-- Applies a batch of writes to one map: each atomically and in order, all in one call.
--
-- ARGV, after those of every write: the number of writes, then each write: its code and 16-byte id in one string, and
-- the arguments of the operation.
-- Everything is decided on copies, so a refusal leaves nothing half done.
-- Returns the message that was published ('' if nothing changed), the generation, and a status for each write:
-- its revision, 0 for no change, below 0 a refusal; in a string if a transaction's conditions did not hold.

--DECIDE
--APPLY
