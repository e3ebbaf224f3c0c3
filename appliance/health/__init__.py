"""How the box is, in plain words: one module a check, one list of findings for the page, programs and support."""
