"""The pages of a reader service."""
