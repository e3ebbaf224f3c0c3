"""The conformance statement says what the code does."""

from appliance.dimse.conformance import STATEMENT, statement


def test_the_statement_is_the_one_that_the_tables_make() -> None:
    """After a change: `python -m appliance.dimse.conformance`."""
    assert STATEMENT.read_text(encoding="utf-8") == statement()
