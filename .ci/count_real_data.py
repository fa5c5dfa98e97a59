"""Fail if fewer tests on the published files ran than expected: a skip must not look like a pass."""

import sys
import xml.etree.ElementTree as ET

EXPECTED = 144

report = ET.parse(sys.argv[1]).getroot()
cases = list(report.iter("testcase"))
real = [case for case in cases if case.find("properties/property[@name='real_data']") is not None]
ran = [case for case in real if case.find("skipped") is None]
print(f"{len(ran)} of {len(real)} tests on published files ran; at least {EXPECTED} expected")
sys.exit(0 if len(ran) >= EXPECTED else 1)
