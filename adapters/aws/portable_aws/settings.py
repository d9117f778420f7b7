"""`[tool.portable.aws]` of pyproject.toml: how long logs are kept, and whom alarms tell; for all stages, or for one.

    [tool.portable.aws]
    log_days = 14

    [tool.portable.aws.prod]
    log_days = 400
    alarm_topics = ["arn:aws:sns:eu-central-1:123456789012:on-call"]

In a file, and not options of a deploy: what one deploy was told and the next one not would be lost with it.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn, cast

from portable.errors import ConfigurationError

from .names import STAGE
from .translate import RETENTIONS

TABLE = "[tool.portable.aws]"
TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}", re.ASCII)
MOST_TOPICS = 5
"""Actions of an alarm: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
KNOWN = ("alarm_topics", "log_days")


class Settings(NamedTuple):
    """`log_days` None: as long as is usual."""

    log_days: int | None = None
    alarm_topics: tuple[str, ...] = ()

    def check_region(self, region: str) -> None:
        """Raises ConfigurationError for a topic of another region: CloudWatch takes none, once the stack is made."""
        for topic in self.alarm_topics:
            theirs = topic.split(":")[3]
            if theirs != region:
                wrong(
                    f"{TABLE}: alarm_topics: {topic} is in {theirs}, and the app is deployed to {region}",
                    "an alarm tells topics of its own region only",
                )


def settings_of(table: Mapping[str, Any], stage: str) -> Settings:
    """What a stage has of the table; what is said of it alone goes first. Raises ConfigurationError.

    Other stages' tables are looked at too: a mistake is not to wait for the day production is deployed.
    """
    common = {key: value for key, value in table.items() if not isinstance(value, dict)}
    found = _checked(common, TABLE)
    for name, value in table.items():
        if not isinstance(value, dict):
            continue
        if STAGE.fullmatch(name) is None:
            wrong(f"{TABLE} has {name!r}, which no stage can be called", f"{TABLE[:-1]}.prod]")
        own = cast("dict[str, Any]", value)
        checked = _checked(own, f"{TABLE[:-1]}.{name}]")
        if name == stage:
            found = found._replace(**{key: getattr(checked, key) for key in KNOWN if key in own})
    return found


def _checked(table: Mapping[str, Any], where: str) -> Settings:
    unknown = sorted(set(table) - set(KNOWN))
    if unknown:
        wrong(f"{where} has no setting {unknown[0]!r}", f"there are: {', '.join(KNOWN)}, and a table for a stage")
    days: object = table.get("log_days")
    if days is not None and (type(days) is not int or days not in RETENTIONS):
        wrong(f"{where}: CloudWatch keeps no logs for log_days = {days!r}", f"one of {', '.join(map(str, RETENTIONS))}")
    given: object = table.get("alarm_topics", [])
    if not isinstance(given, list):
        wrong(f"{where}: alarm_topics = {given!r} is no list", 'alarm_topics = ["arn:aws:sns:REGION:ACCOUNT:NAME"]')
    topics = cast("list[object]", given)
    for one in topics:
        if not isinstance(one, str) or TOPIC.fullmatch(one) is None:
            wrong(f"{where}: alarm_topics: {one!r} is no topic of SNS", "by its ARN, arn:aws:sns:REGION:ACCOUNT:NAME")
    if len(topics) > MOST_TOPICS:
        wrong(f"{where}: alarm_topics: an alarm tells {MOST_TOPICS} topics at most", "one topic can have subscribers")
    return Settings(days, tuple(dict.fromkeys(cast("list[str]", topics))))


def wrong(message: str, hint: str) -> NoReturn:
    raise ConfigurationError(f"pyproject.toml: {message}", hint=hint)
