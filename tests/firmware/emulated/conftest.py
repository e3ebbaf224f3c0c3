"""The emulated board takes minutes: `make firmware-test` runs these, `make test` does not."""

import os

collect_ignore_glob = [] if os.environ.get("BUCKY_EMULATED") else ["test_*.py"]
