"""A package below, which only functions import."""
