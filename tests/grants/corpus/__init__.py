"""An app of awkward code: every handler stands below the grants that it must get and the reports that it must cause."""
