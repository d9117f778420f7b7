"""What a release of an app on AWS is: templates, which lie in the bucket of artefacts by what is in them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from portable.adapter import Release
from portable.deploy import releases
from portable.deploy.releases import Record

from .stacks import ROOT, Template, key_of, placement_of


def identity_of(template: Template) -> str:
    """What a template does, apart from line numbers and the like: two of one identity are one release."""
    value = {name: one["Resources"] for name, one in template.stacks().items()}
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def nested_keys(root: Mapping[str, Any]) -> dict[str, str]:
    """The key of each nested template, by the logical id of its stack."""
    found: dict[str, str] = {}
    for id, one in root["Resources"].items():
        if one["Type"] == "AWS::CloudFormation::Stack":
            url = one["Properties"]["TemplateURL"]
            text = url if isinstance(url, str) else str(url["Fn::Sub"])
            found[id] = "templates/" + text.rpartition("/templates/")[2]
    return found


def template_of(root: dict[str, Any], nested: Mapping[str, dict[str, Any]]) -> Template:
    """A Template of what was written down."""
    places = placement_of(root)
    return Template(
        root,
        dict(nested),
        {key: stack for key, stack in places.items() if stack != ROOT},
        tuple(sorted(key for key, stack in places.items() if stack == ROOT)),
    )


def template_in(files: Mapping[str, bytes], name: str) -> Template:
    """The Template whose root is the file `name` of a package."""
    root = json.loads(files[name])
    return template_of(root, {id: json.loads(files[key]) for id, key in nested_keys(root).items()})


class Releases(releases.Releases):
    """The records of one app and stage; portable/deploy/releases.py has the rest."""

    def add(self, release: Release, template: Template, *, is_prod: bool) -> Release:
        """Writes a release down under the next number, unless the last one is the same."""
        details = {"template": key_of(template.root_text()), "is_prod": is_prod}
        return self.keep(release, identity_of(template), details)

    def template(self, record: Record) -> Template:
        """What was deployed. Raises NotFound if it is not there any more."""
        root = json.loads(self.content(record.details["template"]))
        return template_of(root, {id: json.loads(self.content(key)) for id, key in nested_keys(root).items()})
