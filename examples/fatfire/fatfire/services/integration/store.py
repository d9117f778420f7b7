"""The bucket of statements and the record of each import."""

from fatfire.models import StatementImport
from portable import Service

service = Service("integration")
statements = service.bucket("statements")
imports = service.table("imports", StatementImport, key=("owner", "id"))
