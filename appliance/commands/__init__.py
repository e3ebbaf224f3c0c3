"""What each command of `bucky` does, one module a command or a family of them."""
