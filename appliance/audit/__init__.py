"""The audit trail: who saw, changed, sent, exported, or failed to log in (PS3.15 A.5)."""
