"""[tool.portable.aws]: what a stage has of it, and that nothing wrong in it goes unsaid."""

from typing import Any

import pytest
from portable_aws.settings import MOST_TOPICS, Settings, settings_of

from portable.errors import ConfigurationError

TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"
OTHER = "arn:aws-us-gov:sns:us-gov-west-1:123456789012:night_shift"


def test_what_is_said_of_a_stage_goes_before_what_is_said_of_all() -> None:
    table = {"log_days": 14, "alarm_topics": [TOPIC], "prod": {"log_days": 400}, "dev": {"alarm_topics": []}}
    assert settings_of({}, "dev") == Settings(None, ())
    assert settings_of(table, "qa") == Settings(14, (TOPIC,))
    assert settings_of(table, "prod") == Settings(400, (TOPIC,))
    assert settings_of(table, "dev") == Settings(14, ())
    assert settings_of({"prod": {"alarm_topics": [OTHER, TOPIC, OTHER]}}, "prod") == Settings(None, (OTHER, TOPIC))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"log_days": 31}, "log_days = 31"),
        ({"log_days": 0}, "log_days = 0"),
        ({"log_days": True}, "log_days = True"),
        ({"log_days": 30.0}, "log_days = 30.0"),
        ({"log_days": "30"}, "log_days = '30'"),
        ({"alarm_topics": TOPIC}, "is no list"),
        ({"alarm_topics": ["on-call"]}, "'on-call' is no topic"),
        ({"alarm_topics": [7]}, "7 is no topic"),
        ({"alarm_topics": [f"{TOPIC}:subscription"]}, "is no topic"),
        ({"alarm_topics": ["arn:aws:sqs:eu-central-1:123456789012:on-call"]}, "is no topic"),
        ({"alarm_topics": [f"{TOPIC}{number}" for number in range(MOST_TOPICS + 1)]}, "5 topics at most"),
        ({"log_day": 30}, "no setting 'log_day'"),
        ({"prod": {"topics": []}}, r"\[tool.portable.aws.prod\] has no setting 'topics'"),
        ({"prod": {"log_days": 31}}, r"\[tool.portable.aws.prod\]: .*31"),
        ({"Prod": {"log_days": 30}}, "'Prod', which no stage can be called"),
    ],
)
def test_what_cannot_be_is_refused_whichever_stage_it_is_of(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        settings_of(table, "dev")
