"""Which project and region a deploy is for, as gcloud knows them, and whose credentials it goes with."""

import configparser
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from portable.errors import ConfigurationError

PROJECT_VARIABLES = ("CLOUDSDK_CORE_PROJECT", "GOOGLE_CLOUD_PROJECT")
REGION_VARIABLES = ("CLOUDSDK_FUNCTIONS_REGION", "CLOUDSDK_RUN_REGION", "CLOUDSDK_COMPUTE_REGION")
REGION_SECTIONS = ("functions", "run", "compute")
PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
"""https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin"""
REGION = re.compile(r"[a-z]+(-[a-z]+)+[0-9]{1,2}", re.ASCII)
ZONE = re.compile(rf"({REGION.pattern})-[a-z]", re.ASCII)
SET_PROJECT = "gcloud config set project ID, or GOOGLE_CLOUD_PROJECT=ID"
SET_REGION = "gcloud config set functions/region europe-west1, or CLOUDSDK_FUNCTIONS_REGION=europe-west1"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Place(NamedTuple):
    """`number` is the project's own; `caller` is who deploys, for others to read ("" if nobody can say)."""

    project: str
    number: str
    location: str
    caller: str


def gcloud_settings() -> dict[str, dict[str, str]]:
    """gcloud's active configuration, by section; {} where there is none. Raises ConfigurationError.

    https://cloud.google.com/sdk/docs/configurations
    """
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    active = folder / "active_config"
    name = os.environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or (
        active.read_text(encoding="utf-8").strip() if active.is_file() else "default"
    )
    parser = configparser.ConfigParser(interpolation=None)
    path = folder / "configurations" / f"config_{name}"
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"gcloud's configuration {path} cannot be read: {error}", hint="mend it, or write it with gcloud config set"
        ) from error
    return {section: dict(parser.items(section)) for section in parser.sections()}


def first_of(variables: tuple[str, ...]) -> str | None:
    return next((os.environ[name] for name in variables if os.environ.get(name)), None)


def project_named(found_with_credentials: str | None) -> str:
    """The project's id. Raises ConfigurationError, also for what can be none."""
    named = first_of(PROJECT_VARIABLES) or gcloud_settings().get("core", {}).get("project") or found_with_credentials
    if not named:
        raise ConfigurationError("no project of Google Cloud is set", hint=SET_PROJECT)
    if PROJECT.fullmatch(named) is None:
        raise ConfigurationError(f"the project that is set is {named!r}: {why_no_project(named)}", hint=SET_PROJECT)
    return named


def why_no_project(named: str) -> str:
    if ":" in named:
        # Their service accounts are called otherwise, and functions cannot be told their names.
        return "portable does not deploy to projects of a domain, whose ids have a colon; take another project"
    if named.isascii() and named.isdecimal():
        return "that is a project's number, and its id is asked for: `gcloud projects list` has both"
    return "an id is 6-30 lower-case letters, digits and hyphens, a letter first, no hyphen last"


def region_named() -> str:
    """The region. Raises ConfigurationError, also for what can be none."""
    settings = gcloud_settings()
    kept = (settings.get(section, {}).get("region") for section in REGION_SECTIONS)
    named = first_of(REGION_VARIABLES) or next((one for one in kept if one), None)
    if not named:
        raise ConfigurationError("no region of Google Cloud is set", hint=SET_REGION)
    if REGION.fullmatch(named) is None:
        zone = ZONE.fullmatch(named)
        what = f"a zone; its region is {zone[1]}" if zone else "none: a region is called like europe-west1"
        raise ConfigurationError(f"the region that is set is {named!r}, which is {what}", hint=SET_REGION)
    return named


def who(credentials: Any) -> str:
    """The account of credentials, as far as they say it."""
    for name in ("account", "service_account_email", "signer_email"):
        found = getattr(credentials, name, None)
        if isinstance(found, str) and found:
            return found
    return gcloud_settings().get("core", {}).get("account", "")
