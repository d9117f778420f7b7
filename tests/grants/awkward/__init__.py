"""Code as users write it, in the ways that are the hardest to follow; every handler says what must be derived."""
