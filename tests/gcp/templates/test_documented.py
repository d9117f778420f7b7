"""What docs/gcp.md gives people to make by hand is what Google takes."""

import json
import re
from pathlib import Path

from tests.gcp_stack.discovery import document

PAGE = Path(__file__).parents[3] / "docs" / "gcp.md"


def test_the_alert_of_the_page_is_one_by_googles_document() -> None:
    [text] = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    policy = json.loads(text)
    assert document("monitoring.v3").check("AlertPolicy", policy) == policy
    # "If set, no other conditions can be present", it says of one that looks at logs; and it needs a limit of its own.
    [condition] = policy["conditions"]
    assert 'jsonPayload.metric="dead_letters"' in condition["conditionMatchedLog"]["filter"]
    assert policy["alertStrategy"]["notificationRateLimit"]
