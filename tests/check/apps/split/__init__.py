"""An app in several files."""
