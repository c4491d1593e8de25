"""History decided again: as it was, to see that nothing differs, or under another policy or model, to see what would.

1  history.py      where the past comes from: the topics of a broker, or an exported folder (folder.py)
2  exact.py        one lane under unchanged versions, compared byte for byte
3  alternative.py  one lane under another policy or model; compare.py finds what differs in meaning, why.py says why
4  casebook.py     the cases of both sides; effort.py hours of people, attainment.py deadlines that would be kept
5  summary.py      the lanes together: what `leadlane replay --json` prints
6  run.py          lanes in parallel; terminal.py and page.py show the summary

Arrows: commands and bench stand on top of this package; it imports lane, core and policy.
"""
