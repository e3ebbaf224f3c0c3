"""The pages of a clinic's box."""
