"""What is in a bundle, as a CycloneDX 1.6 document: https://cyclonedx.org/docs/1.6/json/.

Made from the metadata of the wheels that were unpacked. It is the same for the same bundle: its serial number comes
from its contents, and it has no time.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from portable import __version__

from .requirements import OURS, name_of, normalised

SPEC = "1.6"
NAMESPACE = uuid.UUID("6a1b2a0e-5d0c-5f0e-9f55-7d1a0a6f2b11")
ALGORITHMS = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "md5": "MD5", "sha1": "SHA-1"}
LICENCES = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""SPDX ids of the licences that old metadata names by classifiers."""
SPDX_ID = re.compile(r"[A-Za-z0-9.+-]+")


class Component(NamedTuple):
    """A distribution in a bundle. `expression` is an SPDX expression; `licence` what else its metadata says.

    `hashes` are those of its wheel, by the algorithm's name in CycloneDX; empty if a lock does not say which it was.
    """

    name: str
    version: str
    expression: str
    licence: str
    hashes: dict[str, str]
    needs: list[str]

    @property
    def purl(self) -> str:
        """https://github.com/package-url/purl-spec"""
        return f"pkg:pypi/{normalised(self.name)}@{quote(self.version, safe='')}"


def component_of(information: Path, wheels: Mapping[str, Sequence[Mapping[str, Any]]]) -> Component:
    """A distribution by its dist-info folder; `wheels` are those that the lock has of each name."""
    # Only here: what is kept was read before, and it takes as long to import as the rest of this.
    import email.parser
    import email.policy

    parser = email.parser.HeaderParser(policy=email.policy.compat32)
    metadata = parser.parsestr((information / "METADATA").read_text(encoding="utf-8", errors="replace"))
    tags = parser.parsestr((information / "WHEEL").read_text(encoding="utf-8")).get_all("Tag") or []
    name, version = str(metadata["Name"]), str(metadata["Version"])
    classified = [
        str(line).rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if str(line).startswith("License :: ") and str(line) != "License :: OSI Approved"
    ]
    expression = str(metadata["License-Expression"] or "")
    if not expression and classified and all(one in LICENCES for one in classified):
        expression = " OR ".join(sorted({LICENCES[one] for one in classified}))
    first = str(metadata["License"] or "").strip().partition("\n")[0][:200]
    licence = "" if expression else first or ", ".join(classified)
    needs = sorted({name_of(str(one)) for one in metadata.get_all("Requires-Dist") or []})
    hashes = hashes_of(wheels.get(normalised(name), ()), [str(tag) for tag in tags])
    return Component(name, version, expression, licence, hashes, needs)


def hashes_of(wheels: Sequence[Mapping[str, Any]], tags: Sequence[str]) -> dict[str, str]:
    """The hashes of the wheel that has these tags, https://packaging.python.org/en/latest/specifications/binary-distribution-format/."""
    for wheel in wheels:
        file = str(wheel.get("name") or wheel.get("url", wheel.get("path", ""))).rpartition("/")[2].removesuffix(".whl")
        parts = file.split("-")[-3:]
        if len(wheels) == 1 or (len(parts) == 3 and set(tags) == expanded(*parts)):
            return {ALGORITHMS[key]: value for key, value in sorted(wheel["hashes"].items()) if key in ALGORITHMS}
    return {}


def expanded(pythons: str, abis: str, platforms: str) -> set[str]:
    """`py2.py3-none-any` is two tags."""
    return {
        f"{python}-{abi}-{platform}"
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    }


def sbom(
    app: str, version: str, components: Sequence[Component], digest: str, properties: Mapping[str, str]
) -> dict[str, Any]:
    """The document of a bundle whose contents have the digest `digest`."""
    root = f"app:{app}"
    ours = {
        "type": "framework",
        "bom-ref": f"pkg:pypi/{OURS}@{__version__}",
        "name": OURS,
        "version": __version__,
        "purl": f"pkg:pypi/{OURS}@{__version__}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    known = {normalised(one.name): one for one in components}
    ordered = [known[name] for name in sorted(known)]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, digest)}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": OURS, "version": __version__}]},
            "component": {"type": "application", "bom-ref": root, "name": app, "version": version},
            "properties": [{"name": f"portable:{key}", "value": value} for key, value in sorted(properties.items())],
        },
        "components": [ours, *(described(one) for one in ordered)],
        "dependencies": [
            {"ref": root, "dependsOn": sorted([ours["bom-ref"], *(one.purl for one in ordered)])},
            {"ref": ours["bom-ref"], "dependsOn": []},
            *(
                {"ref": one.purl, "dependsOn": [known[name].purl for name in one.needs if name in known]}
                for one in ordered
            ),
        ],
    }


def described(component: Component) -> dict[str, Any]:
    """A distribution as CycloneDX has it."""
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.hashes:
        found["hashes"] = [{"alg": key, "content": value} for key, value in sorted(component.hashes.items())]
    if component.expression:
        found["licenses"] = [{"expression": component.expression}]
    elif component.licence:
        found["licenses"] = [{"license": {"name": component.licence}}]
    return found
