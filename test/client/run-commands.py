"""Runs commands of the unmodified openstack client, one a line, without starting Python for each.

A line of standard input is the JSON list of a command's arguments; a line of standard output is the JSON object of what came of it.
"""

import contextlib
import io
import json
import sys

from openstackclient import shell

answers = sys.stdout
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = shell.main(json.loads(line))
        except SystemExit as exit:
            code = exit.code
    answers.write(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}) + "\n")
    answers.flush()
