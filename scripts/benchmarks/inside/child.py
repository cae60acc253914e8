"""One measured process: starts a contender, does a piece of work, prints what it measured as JSON.

    python child.py CONTENDER WORK ARGUMENT...

WORK is a module of this directory; its `work(*arguments)` measures itself and gives numbers by
name. Under Tombs the contender is `plain` too: Tombs comes in from outside, as it does in life.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Do what the command line says."""
    contender, name, *arguments = sys.argv[1:]
    if contender != "plain":
        from rivals import start

        start(contender, os.environ["BENCH_WATCHED"].split(","))
    work = __import__(name).work
    measured = work(*arguments)
    if contender != "plain":
        from rivals import collected

        if not collected(contender):
            sys.exit(f"{contender} collected nothing")
    from measure import graveyard

    measured |= graveyard()
    import json

    print(json.dumps(measured), flush=True)
    # A rival's report at the end is no part of what is compared; Tombs' end is in `whole`.
    if contender != "plain":
        os._exit(0)


main()
