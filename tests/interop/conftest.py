"""The interop matrix and the table of outcomes: filled by tests, printed at the end of the run."""

import pytest

from tests.interop.matrix import Matrix

MATRIX = pytest.StashKey[Matrix]()
OUTCOMES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """One of each for the run."""
    config.stash[MATRIX] = Matrix()
    config.stash[OUTCOMES] = []


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Matrix:
    """Where tests note what they saw."""
    return request.config.stash[MATRIX]


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> list[str]:
    """Lines of the table of outcomes."""
    return request.config.stash[OUTCOMES]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print both."""
    for title, lines in (
        ("interop: client x service x transfer syntax x character set", config.stash[MATRIX].lines()),
        ("outcomes of real files", config.stash[OUTCOMES]),
    ):
        if lines:
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.write_line(line)
