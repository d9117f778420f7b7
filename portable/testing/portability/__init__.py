"""The portability matrix: what each adapter does natively, by emulation or not at all, and who has seen it.

A run of the conformance suite with `--portability-report FILE.json` writes an adapter's report: recorder.py, report.py.
`python -m portable.testing.portability FOLDER --write PAGE.md` makes one page of all reports in a folder (page.py).
"""
