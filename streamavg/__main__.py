"""`python -m streamavg`: the same as the command `streamavg`."""

from streamavg.cli import main

raise SystemExit(main())
