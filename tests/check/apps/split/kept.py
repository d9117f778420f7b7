"""What the app keeps."""

from portable import Service

registry = Service("registry")
notes = registry.table("notes")
files = registry.bucket("files")
