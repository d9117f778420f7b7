"""What an app declares, in the words of the console."""

import pytest

from portable.console.description import schedule_text


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("*/7 * * * *", "*/7 * * * * (UTC)"),
        ("5 * * * *", "hourly at :05 (UTC)"),
        ("0 */6 * * *", "every 6 hours at :00 (UTC)"),
        ("0 */5 * * *", "0 */5 * * * (UTC)"),
        ("30 3 * * *", "daily at 03:30 (UTC)"),
        ("30 16 * * 1-5", "Monday to Friday at 16:30 (UTC)"),
        ("30 16 * * MON-FRI", "Monday to Friday at 16:30 (UTC)"),
        ("0 9 * * 0,6", "Saturday and Sunday at 09:00 (UTC)"),
        ("0 9 * * sun", "Sundays at 09:00 (UTC)"),
        ("0 9 * * 7", "Sundays at 09:00 (UTC)"),
        ("0 9 * * 2,4", "0 9 * * 2,4 (UTC)"),
        ("0 9 1 * *", "0 9 1 * * (UTC)"),
        ("0 9 * 12 *", "0 9 * 12 * (UTC)"),
        ("0,30 9 * * *", "0,30 9 * * * (UTC)"),
        ("0 9-17 * * *", "0 9-17 * * * (UTC)"),
        ("*/15 9 * * *", "*/15 9 * * * (UTC)"),
        ("0 9 * * 5#3", "0 9 * * 5#3 (UTC)"),
        ("0 9 * * 5L", "0 9 * * 5L (UTC)"),
        ("0 0 9 * * *", "0 0 9 * * * (UTC)"),
    ],
)
def test_a_schedule_is_told_as_people_say_it_or_as_it_is_written(cron: str, said: str) -> None:
    assert schedule_text(cron, "UTC") == said
