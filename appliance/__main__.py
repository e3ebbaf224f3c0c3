"""`python -m appliance` is `bucky`."""

import sys

from appliance.cli import main

sys.exit(main())
