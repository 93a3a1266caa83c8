"""Sums JUnit files into the one closing line: N passed, N failed.

tally.py DIRECTORY [FAILED_STEP…]: every step named counts as one failure.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main() -> int:
    passed = failed = skipped = 0
    for path in sorted(Path(sys.argv[1]).glob("*.xml")):
        try:
            cases = list(ET.parse(path).iter("testcase"))
        except ET.ParseError:
            print(f"FAILED {path.name}: broken off in the middle")
            failed += 1
            continue
        for case in cases:
            bad = case.find("failure") is not None or case.find("error") is not None
            if bad:
                print(f"FAILED {path.stem}: {case.get('name')}")
            failed += bad
            skip = case.find("skipped")
            if skip is not None:
                print(f"skipped {case.get('name')}: {skip.get('message')}")
            skipped += skip is not None
            passed += not bad and skip is None
    for step in sys.argv[2:]:
        print(f"FAILED {step}")
        failed += 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
