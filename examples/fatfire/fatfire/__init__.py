"""Net worth and financial independence, in any currency."""
