"""People and programs that may use the box: named accounts with roles, and tokens."""
