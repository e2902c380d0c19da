"""Runs the tests with unittest and writes a JUnit report: `python3 -m tools.junit report.xml`."""

import sys
import time
import unittest
from xml.etree import ElementTree


class Result(unittest.TextTestResult):
    """Remembers how each test went and how long it took."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.cases = []

    def startTest(self, test):
        self._began = time.perf_counter()
        super().startTest(test)

    def stopTest(self, test):
        case, seconds = self._outcome_of(test), time.perf_counter() - self._began
        self.cases.append((test, seconds, case))
        super().stopTest(test)

    def _outcome_of(self, test):
        for kind, entries in (("failure", self.failures), ("error", self.errors)):
            for failed, trace in entries:
                if failed is test:
                    return kind, trace
        return next((("skipped", why) for skipped, why in self.skipped if skipped is test), None)


def main(path):
    suite = unittest.defaultTestLoader.discover("tests", top_level_dir=".")
    result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result).run(suite)
    root = ElementTree.Element("testsuite", name="shop", tests=str(result.testsRun))
    for test, seconds, outcome in result.cases:
        name = {"classname": type(test).__qualname__, "name": test._testMethodName}
        case = ElementTree.SubElement(root, "testcase", name, time=f"{seconds:.4f}")
        if outcome:
            kind, text = outcome
            last = text.strip().splitlines()[-1] if text.strip() else ""
            ElementTree.SubElement(case, kind, message=last).text = text
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
