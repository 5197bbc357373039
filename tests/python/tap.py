# SPDX-License-Identifier: GPL-2.0-only
"""Run the tests of a unittest module as TAP, for tests/vm/suite."""

import faulthandler
import sys
import traceback
import unittest


class Result(unittest.TestResult):
    """Tells each result in a line."""

    number = 0

    def tell(self, how, test, more=""):
        self.number += 1
        print(f"{how} {self.number} - {test.shortDescription() or test.id()}{more}",
              flush=True)

    def note(self, error):
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print("#", line)

    def addSuccess(self, test):
        self.tell("ok", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.note(err)
        self.tell("not ok", test)

    addFailure = addError

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.note(err)
            super().addSubTest(test, subtest, err)
            print(f"# {subtest}", flush=True)

    def addSkip(self, test, reason):
        self.tell("ok", test, f" # skip {reason}")

    def stopTest(self, test):
        # A test with subtests that failed is told neither way.
        told = self.failures + self.errors
        if any(getattr(each, "test_case", None) is test for each, _ in told):
            self.tell("not ok", test)


def main():
    # Where all threads are, before the guest's limit ends the program.
    faulthandler.dump_traceback_later(100, exit=True)
    loader = unittest.TestLoader()
    if len(sys.argv) > 1:
        suite = loader.loadTestsFromNames(sys.argv[1:], sys.modules["__main__"])
    else:
        suite = loader.loadTestsFromModule(sys.modules["__main__"])
    print(f"TAP version 13\n1..{suite.countTestCases()}", flush=True)
    result = suite.run(Result())
    sys.exit(0 if result.wasSuccessful() else 1)
