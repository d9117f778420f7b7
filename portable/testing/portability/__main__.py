"""`python -m portable.testing.portability FOLDER --write PAGE.md`: makes the page of the reports in a folder.

What adapters say of themselves is read anew from those that are installed, and written into their reports. Of the
results only those of promises that are gone are dropped. Says what does not fit together, and then writes nothing.
"""

import argparse
import sys
from pathlib import Path

from portable.adapter import Supports, find_adapter
from portable.capabilities import PROVIDERS, load_profile
from portable.errors import ConfigurationError
from portable.testing.conformance.features import promises

from .page import Place, page
from .report import Report, faults, from_text, resolved, to_text


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m portable.testing.portability", description=__doc__)
    parser.add_argument("folder", type=Path, help="reports, FILE.json, each of which is a column")
    parser.add_argument("--write", type=Path, required=True, metavar="PAGE.md")
    parser.add_argument("--errors", default=Place().errors, help="where links to error codes lead")
    options = parser.parse_args(arguments)
    suite = promises()
    try:
        reports = {file: renewed(report) for file, report in read(options.folder).items()}
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
        return 3
    wrong = [fault for report in reports.values() for fault in faults(report, suite)]
    if wrong or not reports:
        sys.stderr.write("".join(f"{fault}\n" for fault in wrong) or f"there is no report in {options.folder}\n")
        return 1
    for file, report in reports.items():
        file.write_text(to_text(report), encoding="utf-8")
    text = page(columns(reports), suite, {name: load_profile(name) for name in PROVIDERS}, Place(options.errors))
    options.write.write_text(text, encoding="utf-8")
    return 0


def read(folder: Path) -> dict[Path, Report]:
    """The reports in a folder by their files. Raises ConfigurationError for what is none."""
    return {file: from_text(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))}


def columns(reports: dict[Path, Report]) -> dict[str, Report]:
    """By the name of the column; the local adapter, with which others are compared, comes first."""
    ordered = sorted(reports.items(), key=lambda one: (one[1].adapter != "local", one[0].stem))
    return {file.stem: report for file, report in ordered}


def renewed(report: Report) -> Report:
    """Without promises that are gone, and with what the adapter says today, if it is installed."""
    known = set(promises())
    report = report._replace(results={one: result for one, result in report.results.items() if one in known})
    try:
        adapter: object = find_adapter(report.adapter)
    except ConfigurationError:
        return report
    return report._replace(support=resolved(adapter.support())) if isinstance(adapter, Supports) else report


if __name__ == "__main__":
    sys.exit(main())
