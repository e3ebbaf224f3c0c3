"""What both ends of the vendor link must agree on: identity, signed documents, messages, commands."""
