"""Reads a run of Tempest as a subunit stream and prints one JSON object a test: its id, how it ended, and the last of what it said."""

import json
import sys

import subunit
import testtools


class Printer(testtools.StreamToDict):
    def __init__(self):
        super().__init__(self.print)

    def print(self, test):
        said = [detail.as_text().strip() for name, detail in test["details"].items() if name in ("reason", "traceback")]
        if test["status"] != "exists":
            print(json.dumps({"id": test["id"], "status": test["status"], "said": "\n".join(said)[-2000:]}))


printer = Printer()
printer.startTestRun()
subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout").run(printer)
printer.stopTestRun()
